import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Configuration } from '../../src/config/configuration.js';
import { loadConfiguration } from '../../src/config/load.js';
import { HostPasswords } from '../../src/daemon/host-passwords.js';
import { createAppPassword } from '../../src/index.js';
import type { Passwords } from '../../src/passwords/passwords.js';
import { temporaryFile } from '../support/directory.js';
import { SECRETS } from '../support/keys.js';

const JID = 'alice@example.com';
const REFUSE = '#!/bin/sh\nwhile read -r line; do echo 0; done\n';

interface Subject {
  readonly file: string;
  readonly log: string[];
  readonly results: string[];
  /** Applies the configuration with other settings. */
  readonly apply: (settings: string) => Promise<Passwords | undefined>;
  readonly close: () => Promise<void>;
}

/** Opens the passwords of a configuration, next to which are the files `app` and `script`. */
function subject(): Subject {
  const file = temporaryFile('');
  const script = join(dirname(file), 'script');
  writeFileSync(script, REFUSE, { mode: 0o755 });
  mkdirSync(join(dirname(file), 'state'));
  const log: string[] = [];
  const results: string[] = [];
  const hostPasswords = new HostPasswords({
    log: {
      write: (level, message) => log.push(`${level} ${message}`),
      close: () => Promise.resolve(),
    },
    lastUses: { record: () => Promise.resolve() },
    openAttemptCounters: () => Promise.resolve(undefined),
    onRequest: ({ backend, result }) => results.push(`${backend} ${result}`),
    env: {},
  });
  const apply = async (settings: string): Promise<Passwords | undefined> => {
    const text = settings.replace('SCRIPT', JSON.stringify([script]));
    writeFileSync(file, `${SECRETS}${text}`);
    const { hosts, replay }: Configuration = await loadConfiguration(file, {});
    const own = hosts.of('example.com')?.passwords;
    const opened = await hostPasswords.open(hosts, replay);
    hostPasswords.closePrevious();
    return own && opened.get(own);
  };
  return { file, log, results, apply, close: () => hostPasswords.close() };
}

const login = (password: string): { user: string; host: string; password: string } => ({
  user: 'alice',
  host: 'example.com',
  password,
});

describe('HostPasswords', () => {
  it('asks the back ends of a host in order', async () => {
    const { file, results, apply, close } = subject();
    const { password } = await createAppPassword({ file: join(dirname(file), 'app'), jid: JID, label: 'a' });
    const both = await apply('[passwords]\nstore = "file:app"\ncommand = SCRIPT\n');
    expect(await both?.verify(login(password), undefined)).toMatchObject({ refusal: undefined });
    expect(await both?.verify(login('wrong'), undefined)).toMatchObject({ refusal: 'wrong-password' });
    expect(results).toEqual(['app-passwords accepted', 'app-passwords wrong', 'command wrong']);
    const reversed = await apply(
      '[passwords]\nstore = "file:app"\ncommand = SCRIPT\norder = ["command", "store"]\n',
    );
    expect(await reversed?.verify(login(password), undefined)).toMatchObject({ backend: 'app-passwords' });
    expect(results.slice(3)).toEqual(['command wrong', 'app-passwords accepted']);
    await close();
  });

  it('keeps the counts of wrong passwords over a reload, unless the limits change', async () => {
    const { apply, close } = subject();
    const settings = '[passwords]\ncommand = SCRIPT\n[passwords.limits]\nuser = 2\n';
    const refusalOf = async (passwords: Passwords | undefined): Promise<unknown> =>
      (await passwords?.verify(login('wrong'), undefined))?.refusal;
    const first = await apply(settings);
    expect([await refusalOf(first), await refusalOf(first)]).toEqual(['wrong-password', 'wrong-password']);
    expect(await refusalOf(await apply(settings))).toBe('throttled');
    expect(await refusalOf(await apply(settings.replace('user = 2', 'user = 3')))).toBe('wrong-password');
    await close();
  });

  it('lets requests in progress end after a reload', async () => {
    const { file, apply, close } = subject();
    const slow = '#!/bin/sh\nwhile read -r line; do sleep 0.3; echo 1; done\n';
    writeFileSync(join(dirname(file), 'script'), slow);
    const first = await apply('[passwords]\ncommand = SCRIPT\n');
    const pending = first?.verify(login('right'), undefined);
    await apply('[passwords]\nstore = "file:app"\n');
    expect(await pending).toMatchObject({ refusal: undefined, backend: 'command' });
    await close();
  });
});
