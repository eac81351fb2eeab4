import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { SECRETS } from '../keys.js';
import { Daemon } from './daemon.js';

/** How old what xtokend knows of revocations may be, and a little more. */
const NOTICED_MILLISECONDS = 300;

/** A daemon for example.com that blocks users: by a list, and by `xtokend revoke`. */
export class BlockingDaemon extends Daemon {
  readonly #lists: string;

  constructor(directory: string = mkdtempSync(join(tmpdir(), 'xtokend-blocking-'))) {
    mkdirSync(join(directory, 'state'), { mode: 0o700 });
    super(`
      ${SECRETS}
      blocked_users = "file:${directory}/blocked"
      [hosts."example.com"]
      [replay]
      path = "${directory}/state/xtokend"`);
    this.#lists = directory;
    this.block();
  }

  /** Replaces the list of blocked users, which xtokend reads again by itself. */
  block(...users: readonly string[]): void {
    writeFileSync(join(this.#lists, 'blocked'), ['# blocked', ...users, ''].join('\n'));
  }

  /** Runs `xtokend revoke` for a user, and waits until every login meets the result. */
  async revoke(user: string, ...options: readonly string[]): Promise<void> {
    const ended = await this.run('revoke', `${user}@example.com`, ...options);
    expect(ended).toMatchObject({ status: 0, stderr: '' });
    await sleep(NOTICED_MILLISECONDS);
  }

  override async remove(): Promise<void> {
    await super.remove();
    rmSync(this.#lists, { recursive: true });
  }
}
