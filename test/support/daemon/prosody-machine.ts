import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { TestContext } from 'vitest';
import { findAccount, type Account } from '../../../src/cli/check/machine/accounts.js';
import { temporaryDirectory } from '../directory.js';
import { SECRETS } from '../keys.js';
import { requirePackage } from '../run/requirements.js';
import { requireRoot } from '../system/other-user.js';
import { PROGRAM } from '../xtokend.js';
import { check, type Checked } from './check.js';

/** A machine on which Prosody starts xtokend: files that its user can use, in a directory of root. */
export class ProsodyMachine {
  readonly root: string = temporaryDirectory();
  /** The configuration of xtokend. */
  readonly configuration: string = join(this.root, 'xtokend.toml');
  /** Prosody's data, and the state directory in it, which does not exist yet. */
  readonly data: string = join(this.root, 'data');
  readonly state: string = join(this.data, 'xtokend');
  readonly account: Account;

  /** Skips the test unless root runs it, and the machine has user prosody. */
  constructor(context: TestContext) {
    const account = findAccount('prosody');
    requirePackage(context, account !== undefined, 'prosody');
    requireRoot(context);
    this.account = account ?? { name: 'root', uid: 0, gids: [0] };
    chmodSync(this.root, 0o755);
    writeFileSync(this.configuration, SECRETS, { mode: 0o640 });
    chownSync(this.configuration, 0, this.gid);
    this.ownDirectory(this.data);
  }

  get gid(): number {
    return this.account.gids[0] ?? 0;
  }

  /** Creates a directory of Prosody's user. */
  ownDirectory(path: string): void {
    mkdirSync(path);
    chownSync(path, this.account.uid, this.gid);
    chmodSync(path, 0o700);
  }

  /** Returns a setting with a command for this configuration. */
  command(program: string = PROGRAM): string {
    return `xtoken_command = { "${program}", "--config", "${this.configuration}" }`;
  }

  /** Writes a configuration of Prosody with these settings of the host a.example, and returns its path. */
  prosody(settings: string = this.command(), above = `data_path = "${this.data}"`): string {
    const path = join(this.root, 'prosody.cfg.lua');
    const head = `modules_enabled = { "saslauth" }\nplugin_paths = { "${resolve('prosody')}" }\n${above}\n`;
    writeFileSync(path, `${head}VirtualHost "a.example"\nauthentication = "xtoken"\n${settings}\n`);
    chmodSync(path, 0o644);
    return path;
  }

  /** Checks it with these settings of Prosody. */
  check(settings?: string, above?: string): Checked {
    return check({ path: this.configuration }, { args: ['--prosody', this.prosody(settings, above)] });
  }

  /** Returns the options to run a program as Prosody's user. */
  get asUser(): { uid: number; gid: number; cwd: string; env: NodeJS.ProcessEnv } {
    const env = { PATH: process.env['PATH'], STATE_DIRECTORY: this.state };
    return { uid: this.account.uid, gid: this.gid, cwd: '/', env };
  }
}
