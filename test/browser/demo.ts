import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { lock } from 'proper-lockfile';
import type { TestContext } from 'vitest';
import { collectLog, collectLogsIn } from '../support/run/collected-logs.js';
import { requirePackage } from '../support/run/requirements.js';
import { COMMUNITY_MODULES, isInstalled, type ProsodyRelease } from '../support/servers/prosody.js';
import { freePort } from '../support/system/ports.js';
import { descendantsOf, end, processesWith } from '../support/system/processes.js';
import { xtokend } from '../support/xtokend.js';
import { CutProxy } from './cut-proxy.js';

export const EXAMPLE = 'examples/web-chat';
export const CHROMIUM: string = '/usr/bin/chromium';
const START_MILLISECONDS = 60_000;

/** Returns whether the browser is installed. */
export function canBrowse(): boolean {
  return existsSync(CHROMIUM);
}

/** Returns whether the demo can run in a browser with a release of Prosody. */
export function canRun(release: ProsodyRelease): boolean {
  return canBrowse() && isInstalled(release);
}

/** Skips a test if the browser is not installed. */
export function requireChromium(context: TestContext): void {
  requirePackage(context, canBrowse(), 'chromium');
}

/** Skips a test if a program that it needs is not installed. */
export function requireDemo(context: TestContext, release: ProsodyRelease): void {
  requireChromium(context);
  requirePackage(context, isInstalled(release), release.name);
}

/** The example web chat, with a proxy between the browsers and Prosody that can be cut. */
export class Demo {
  readonly chatPort: number;
  readonly address: string;
  readonly proxy: CutProxy;
  /** What it has printed so far, with xtokend's log. */
  output = '';
  readonly directory: string;
  readonly #process: ChildProcess;

  private constructor(
    program: string,
    port: number,
    chatPort: number,
    proxy: CutProxy,
    env: NodeJS.ProcessEnv,
  ) {
    this.chatPort = chatPort;
    this.proxy = proxy;
    this.address = `http://127.0.0.1:${port}`;
    this.directory = mkdtempSync(join(tmpdir(), 'xtokend-"demo"-'));
    const child = spawn(process.execPath, ['start.js'], {
      cwd: EXAMPLE,
      env: {
        PATH: process.env['PATH'],
        PORT: String(port),
        CHAT_PORT: String(chatPort),
        WEBSOCKET_URL: `ws://127.0.0.1:${proxy.port}/xmpp-websocket`,
        DATA_DIRECTORY: this.directory,
        PROSODY: program,
        PROSODY_MODULES: COMMUNITY_MODULES,
        ...env,
      },
    });
    this.#process = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data: Buffer) => {
        collectLog(data);
        this.output += data.toString();
      });
    }
  }

  /** Starts it, and returns when it is ready. @param program the path of Prosody @param env more variables */
  static async start(program: string, env: NodeJS.ProcessEnv = {}): Promise<Demo> {
    await installPackages();
    const chatPort = await freePort();
    const proxy = await CutProxy.start(chatPort);
    const demo = new Demo(program, await freePort(), chatPort, proxy, env);
    try {
      await demo.printed('Open http');
      if (existsSync(program)) await demo.printed(' info listening ');
    } catch (error) {
      await demo.stop();
      throw error;
    }
    return demo;
  }

  /** Waits until it has printed a text. @param from the part of the output before which it does not count */
  async printed(text: string | RegExp, from = 0): Promise<void> {
    const latest = Date.now() + START_MILLISECONDS;
    while (this.output.slice(from).search(text) < 0) {
      if (Date.now() > latest)
        throw new Error(`expected ${String(text)} from the demo; it printed:\n${this.output}`);
      await sleep(20);
    }
  }

  async restartProsody(): Promise<void> {
    const from = this.output.length;
    this.pressEnter();
    await this.printed('Prosody restarted', from);
  }

  pressEnter(): void {
    this.#process.stdin?.write('\n');
  }

  /** Runs `xtokend revoke` for a user. */
  revoke(user: string): void {
    const args = ['revoke', '--config', join(this.directory, 'xtokend.toml'), `${user}@localhost`];
    const env = { STATE_DIRECTORY: join(this.directory, 'prosody/xtokend') };
    const { status, stderr } = xtokend(args, { env });
    if (status !== 0) throw new Error(`expected a revocation: ${stderr}`);
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** The processes of Prosody and xtokend. */
  get servers(): number[] {
    return processesWith(this.directory);
  }

  /** The process of xtokend, which is not a descendant, since Prosody starts it in the background. */
  get xtokend(): number {
    const descendants = descendantsOf(this.pid);
    return this.servers.find((pid) => !descendants.includes(pid)) ?? 0;
  }

  async stop(): Promise<void> {
    await this.proxy.stop();
    await end(this.#process);
    collectLogsIn(this.directory);
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Installs the packages of the example if they are missing. Another test may do the same at this moment. */
export async function installPackages(): Promise<void> {
  const retries = { retries: 600, factor: 1, minTimeout: 200 };
  const release = await lock(EXAMPLE, { lockfilePath: 'node_modules/.web-chat.lock', retries });
  try {
    if (existsSync(join(EXAMPLE, 'node_modules/.package-lock.json'))) return;
    const args = ['ci', '--prefer-offline', '--no-audit', '--no-fund'];
    await promisify(execFile)('npm', args, { cwd: EXAMPLE });
  } finally {
    await release();
  }
}
