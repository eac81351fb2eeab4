import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join, resolve } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { ACCEPTED, newUser, tokenOf } from '../../servers/logins.js';
import { accepts } from '../system/ports.js';
import { processesWith, survivorsOf } from '../system/processes.js';
import { PROGRAM } from '../xtokend.js';
import { Prosody, type ProsodyOptions, type ProsodyRelease } from './prosody.js';
import { login, type LoginResult } from './xmpp-login.js';

const INSTALLED = `plugin_paths = { "${resolve('prosody')}" }`;

/** A Prosody that starts xtokend. */
export class Starter {
  readonly prosody: Prosody;
  readonly directory: string;

  private constructor(prosody: Prosody) {
    this.prosody = prosody;
    this.directory = join(prosody.directory, 'data', 'xtokend');
  }

  /** @param host the settings of example.com, and more hosts */
  static async start(
    release: ProsodyRelease,
    host: string,
    options: Partial<ProsodyOptions> = {},
  ): Promise<Starter> {
    const configuration = `${INSTALLED}\nVirtualHost "example.com" authentication = "xtoken"\n${host}`;
    const prosody = await Prosody.start({ release, configuration, ...options });
    onTestFinished(() => prosody.stop());
    return new Starter(prosody);
  }

  get socketPath(): string {
    return join(this.directory, 'xtokend.sock');
  }

  /** The process IDs of all xtokends with this socket. */
  get pids(): number[] {
    return processesWith(`unix:${this.socketPath},`);
  }

  /** Returns its only xtokend, when it is ready. @param previous another one */
  async daemon(previous = 0): Promise<number> {
    await expect.poll(() => accepts({ path: this.socketPath }), { timeout: 20_000 }).toBe(true);
    const others = (): number[] => this.pids.filter((pid) => pid !== previous);
    await expect.poll(others, { timeout: 20_000 }).toHaveLength(1);
    return others()[0] ?? 0;
  }

  /** Waits for an error in Prosody's log, and returns it. */
  async error(text: string | RegExp): Promise<string> {
    const errors = (): string =>
      this.prosody.log
        .split('\n')
        .filter((line) => /^\S+ +\S+ \S+ xtokend\terror/.test(line))
        .join('\n');
    await expect.poll(errors, { timeout: 20_000 }).toMatch(text);
    return errors();
  }

  logIn(domain = 'example.com', token: (jid: string) => string = tokenOf): Promise<LoginResult> {
    const username = newUser();
    return login({
      service: this.prosody.service('TCP'),
      domain,
      username,
      password: token(`${username}@${domain}`),
    });
  }

  async expectLogin(): Promise<void> {
    expect(await this.logIn()).toEqual(ACCEPTED);
  }

  /** Checks that nothing of an xtokend is left. */
  async expectNothing(pid: number): Promise<void> {
    expect(await survivorsOf([pid], 5000)).toEqual([]);
    expect(this.pids).toEqual([]);
    expect(existsSync(this.socketPath)).toBe(false);
  }
}

/** Returns what the descriptors of a process lead to. */
export function targetsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((name) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${name}`);
    } catch {
      // It was closed meanwhile.
      return [];
    }
  });
}

/** Returns the setting that runs bin/xtokend with a configuration. */
export function commandWith(configuration: string): string {
  return `xtoken_command = { "${PROGRAM}", "--config", "${configuration}" }`;
}

/** Returns the children of a process that have ended, but that it has not waited for. */
export function zombiesOf(parent: number): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/stat`, 'utf8').includes(`) Z ${parent} `);
    } catch {
      return false;
    }
  });
}

/** Opens many connections to a port of this machine. */
export function connectOften(port: number, count: number): Socket[] {
  return Array.from({ length: count }, () => connect(port, '127.0.0.1').on('error', () => undefined));
}
