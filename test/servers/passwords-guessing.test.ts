import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import {
  countsOf,
  logInAll,
  type NativeConnection,
  type NativeLogin,
} from '../support/daemon/native-connection.js';
import { startPasswordDaemon, type PasswordDaemon } from '../support/passwords/password-daemon.js';
import { tokenOf } from './logins.js';

const TRIES = 10_000;
/** For tries that all reach the back end. */
const FEWER = 1000;
const AT_A_TIME = 32;
const PASSWORD = 'hunter2 of alice';
/** The address from which alice has logged in before. */
const HOME = '2001:db8::1';
/** The default limits. */
const LIMITS = { userFromAddress: 10, address: 100, user: 50 };

/** A daemon whose user alice has logged in from one address. */
async function start(): Promise<PasswordDaemon & { readonly connection: NativeConnection }> {
  const started = await startPasswordDaemon(
    ({ http, directory }) => `[passwords]\n${http.settingsIn(directory)}`,
  );
  started.http.passwords.set('alice@example.com', PASSWORD);
  const connection = await started.connect();
  expect(await connection.outcomeOf({ user: 'alice', password: PASSWORD, client: HOME })).toBe('accepted');
  started.http.questions.length = 0;
  return { ...started, connection };
}

/** Returns the tries of an attack. @param login returns the user and the address of a try */
function triesOf(login: (index: number) => Omit<NativeLogin, 'password'>): NativeLogin[] {
  return Array.from({ length: TRIES }, (_, index) => ({ ...login(index), password: `guess ${index}` }));
}

describe('10,000 guessed passwords', { timeout: 60_000 }, () => {
  it.each([
    ['one address at one user', LIMITS.userFromAddress, () => ({ user: 'alice', client: '192.0.2.1' })],
    [
      'one address at as many users',
      LIMITS.address,
      (index: number) => ({ user: `user${index}`, client: '192.0.2.1' }),
    ],
    [
      '1,000 addresses at one user',
      LIMITS.user,
      (index: number) => ({ user: 'alice', client: `198.51.${(index % 1000) >> 8}.${(index % 1000) & 255}` }),
    ],
    [
      'one network of IPv6 at one user',
      LIMITS.userFromAddress,
      (index: number) => ({ user: 'alice', client: `2001:db8:1:1::${index.toString(16)}` }),
    ],
    ['unknown addresses at one user', LIMITS.user, () => ({ user: 'alice' })],
  ])('from %s reach the back end %s times', async (_, expected, loginOf) => {
    const { daemon, connect: open, connection, http } = await start();
    const tries = triesOf(loginOf);
    const other = await open();
    const attack = logInAll(connection, tries, AT_A_TIME);
    const during = async (): Promise<void> => {
      await expect.poll(() => daemon.log, { interval: 1 }).toContain('reason="throttled"');
      expect(await other.outcomeOf({ user: 'alice', password: tokenOf('alice@example.com') })).toBe(
        'accepted',
      );
      expect(await other.outcomeOf({ user: 'alice', password: PASSWORD, client: HOME })).toBe('accepted');
      expect(connection.pending).toBeGreaterThan(0);
    };
    const [answers] = await Promise.all([attack, during()]);
    expect(countsOf(answers)).toEqual({ 'wrong-password': expected, throttled: TRIES - expected });
    // And the right one.
    expect(http.questions).toHaveLength(expected + 1);
  });

  it('from unknown addresses at as many users all reach the back end', async () => {
    const { connection, http } = await start();
    const tries = triesOf((index) => ({ user: `user${index}` })).slice(0, FEWER);
    expect(countsOf(await logInAll(connection, tries, AT_A_TIME))).toEqual({ 'wrong-password': FEWER });
    expect(http.questions).toHaveLength(FEWER);
  });

  it('all at once are throttled as well', async () => {
    const { daemon, connection } = await start();
    const tries = triesOf(() => ({ user: 'alice', client: '192.0.2.1' }));
    const answers = await logInAll(connection, tries, TRIES);
    const { userFromAddress } = LIMITS;
    expect(countsOf(answers)).toEqual({
      'wrong-password': userFromAddress,
      throttled: TRIES - userFromAddress,
    });
    expect(daemon.log).not.toContain('password back end unavailable');
  });

  it('in the generic protocol reach the back end 50 times for one user', async () => {
    const { daemon, http } = await start();
    const socket = connect(daemon.socketPath);
    const tries = Array.from({ length: TRIES }, (_, index) => `auth:alice:example.com:guess ${index}\n`);
    socket.end(`${tries.join('')}auth:alice:example.com:${tokenOf('alice@example.com')}\n`);
    expect(await text(socket)).toBe(`${'0\n'.repeat(TRIES)}1\n`);
    expect(http.questions).toHaveLength(LIMITS.user);
  });

  it('fill no disk with lines', async () => {
    const { daemon, connection } = await start();
    const tries = triesOf((index) => ({ user: `user${index}`, client: '192.0.2.1' }));
    const before = daemon.log.split('\n').length;
    await logInAll(connection, tries, AT_A_TIME);
    await daemon.end('SIGTERM');
    const lines = daemon.log.split('\n').slice(before);
    // Each reason has 50 lines in 10 s; a slow machine needs more than one window.
    expect(lines.length).toBeLessThan(1000);
    expect(lines.join('\n')).toMatch(/suppressed .*similar refusals/);
  });
});
