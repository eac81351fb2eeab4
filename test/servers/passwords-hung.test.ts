import { connect } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MAX_CHECKS } from '../../src/passwords/passwords.js';
import {
  countsOf,
  logInAll,
  type NativeAnswer,
  type NativeConnection,
} from '../support/daemon/native-connection.js';
import { startPasswordDaemon } from '../support/passwords/password-daemon.js';
import { requirePackage } from '../support/run/requirements.js';
import { isInstalled, Prosody, releases } from '../support/servers/prosody.js';
import { login, type LoginResult } from '../support/servers/xmpp-login.js';
import { ACCEPTED, newUser, tokenOf } from './logins.js';

const XMPP_TOKENS = 40;
const PASSWORDS = 100;
const TOKENS = 200;
const AT_A_TIME = 10;
/** No password is refused before the tokens are accepted. */
const PATIENT = 'answer_within = 60';
const TIMEOUT = 'timeout = 55';

/** Starts logins with wrong passwords, each for a user of its own. */
function startPasswords(connection: NativeConnection): Promise<NativeAnswer>[] {
  return Array.from({ length: PASSWORDS }, (_, index) =>
    connection.logIn({ user: `guessed${index}`, password: 'some-password' }),
  );
}

/** Logs users in with tokens, some at a time. */
function logInWithTokens(connection: NativeConnection): Promise<NativeAnswer[]> {
  const logins = Array.from({ length: TOKENS }, (_, index) => {
    const user = `user${index}`;
    return { user, password: tokenOf(`${user}@example.com`) };
  });
  return logInAll(connection, logins, AT_A_TIME);
}

describe('tokens on a connection with passwords', { timeout: 90_000 }, () => {
  it.each([
    ['a script never answers', 'hung script'],
    ['an application never answers', 'hung application'],
  ])('are accepted while %s', async (_, kind) => {
    const { connect: open, http } = await startPasswordDaemon((parts) => {
      const settings = kind === 'hung script' ? parts.scripts.hung : parts.http.settingsIn(parts.directory);
      return `[passwords]\n${TIMEOUT}\n${settings}`;
    }, PATIENT);
    http.hang();
    const connection = await open();
    const passwords = startPasswords(connection);
    const tokens = await logInWithTokens(connection);
    expect(countsOf(tokens)).toEqual({ accepted: TOKENS });
    // Those that found no place were refused at once. None of the others has been answered.
    expect(connection.pending).toBe(MAX_CHECKS);
    const first = await Promise.race(passwords);
    expect(first.outcome).toBe('password-backend-unavailable');
  });

  it('are accepted while wrong app passwords wait for scrypt', async () => {
    const { connect: open } = await startPasswordDaemon(
      ({ directory }) => `[passwords]\n${TIMEOUT}\nstore = "file:${directory}/app-passwords"`,
      PATIENT,
    );
    const connection = await open();
    const passwords = startPasswords(connection);
    const tokens = await logInWithTokens(connection);
    expect(countsOf(tokens)).toEqual({ accepted: TOKENS });
    expect(connection.pending).toBeGreaterThan(0);
    expect(countsOf(await Promise.all(passwords))).toEqual({
      'wrong-password': MAX_CHECKS,
      'password-backend-unavailable': PASSWORDS - MAX_CHECKS,
    });
  });

  it('wait in the generic protocol until the passwords before them are answered', async () => {
    const { daemon, http } = await startPasswordDaemon(
      ({ http: end, directory }) => `[passwords]\ntimeout = 2\n${end.settingsIn(directory)}`,
      PATIENT,
    );
    http.hang();
    const socket = connect(daemon.socketPath);
    onTestFinished(() => void socket.destroy());
    let answers = '';
    socket.on('data', (data: Buffer) => (answers += data.toString()));
    const passwords = Array.from({ length: 5 }, (_, index) => `auth:guessed${index}:example.com:wrong\n`);
    socket.write(`${passwords.join('')}auth:alice:example.com:${tokenOf('alice@example.com')}\n`);
    // They wait for the same timeout, since all of them are checked at the same time.
    await expect.poll(() => http.questions, { interval: 5 }).toHaveLength(5);
    expect(answers).toBe('');
    await expect.poll(() => answers).toBe('0\n0\n0\n0\n0\n1\n');
    await expect.poll(() => daemon.log.match(/reason="password-backend-unavailable"/g)).toHaveLength(5);
  });
});

describe.each(releases)('$name with a script that never answers', { timeout: 60_000 }, (release) => {
  it('logs users in with tokens', async (context) => {
    requirePackage(context, isInstalled(release), release.name);
    const { daemon } = await startPasswordDaemon(
      ({ scripts }) => `[passwords]\n${TIMEOUT}\n${scripts.hung}`,
      PATIENT,
    );
    const settings = 'xtoken_timeout = 40';
    const prosody = await Prosody.start({ release, socketPath: daemon.socketPath, settings });
    onTestFinished(() => prosody.stop());
    const logIn = (username: string, password: string): Promise<LoginResult> =>
      login({ service: prosody.service('TCP'), domain: 'example.com', username, password });
    let ended = 0;
    const passwords = Array.from({ length: 30 }, async (_, index) => {
      await logIn(`guessed${index}`, 'some-password').catch(() => undefined);
      ended += 1;
    });
    const received = (): number => prosody.log.split('<auth ').length - 1;
    await expect.poll(received).toBe(passwords.length);
    for (let count = 0; count < XMPP_TOKENS; count += 1) {
      const user = newUser();
      expect(await logIn(user, tokenOf(`${user}@example.com`))).toEqual(ACCEPTED);
    }
    expect(ended).toBe(0);
    await prosody.stop();
    await Promise.all(passwords);
  });
});
