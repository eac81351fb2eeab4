import { spawnSync } from 'node:child_process';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { mintToken } from '../../src/index.js';
import { Daemon } from '../support/daemon/daemon.js';
import { OTHER_SECRET, OTP_SEED, SECRETS, TOKEN_SECRET } from '../support/keys.js';
import { hasProgram, requirePackage } from '../support/run/requirements.js';

const PROGRAM = 'examples/native-client.py';

describe('the client in Python', () => {
  const daemon = new Daemon(`${SECRETS}[hosts."example.com"]\n`);

  beforeAll(async () => {
    await daemon.start();
    return () => daemon.remove();
  });

  beforeEach((context) => {
    requirePackage(context, hasProgram('python3'), 'python3');
  });

  const run = (args: readonly string[], input = ''): { status: number | null; stdout: string } => {
    const { status, stdout } = spawnSync('python3', [PROGRAM, ...args], { input, encoding: 'utf8' });
    return { status, stdout };
  };
  const auth = (token: string): ReturnType<typeof run> =>
    run([daemon.socketPath, 'auth', 'alice', 'example.com'], token);

  it('logs in with a token, once', () => {
    const token = mintToken({ jid: 'alice@example.com', otpSeed: OTP_SEED, tokenSecret: TOKEN_SECRET });
    expect(auth(token)).toEqual({ status: 0, stdout: 'accepted\n' });
    expect(auth(token)).toEqual({ status: 1, stdout: 'refused replayed\n' });
    const forged = mintToken({ jid: 'alice@example.com', otpSeed: OTP_SEED, tokenSecret: OTHER_SECRET });
    expect(auth(forged)).toEqual({ status: 1, stdout: 'refused wrong-signature\n' });
  });

  it.each([
    ['a password', 'password'],
    ['control characters', 'tab\tand\x01t'],
    ['too many bytes', 'x'.repeat(10_000)],
    ['an emoji', '\u{1f600}'],
  ])('is refused %s', (_, password) => {
    expect(auth(password)).toMatchObject({ status: 1, stdout: expect.stringMatching(/^refused /) as string });
  });

  it('asks whether a user exists', () => {
    expect(run([daemon.socketPath, 'exists', 'alice', 'example.com'])).toEqual({
      status: 0,
      stdout: 'accepted\n',
    });
    expect(run([daemon.socketPath, 'exists', 'alice', 'example.org'])).toEqual({
      status: 2,
      stdout: 'refused unknown-host\n',
    });
  });

  it('reports that it got no answer', () => {
    expect(run(['/no/such/socket', 'exists', 'alice', 'example.com'])).toMatchObject({ status: 2 });
  });

  it('gives each of many requests its own answer, also after the connection was lost', () => {
    const jids = Array.from({ length: 100 }, (_, index) => `user${index}@example.com`);
    const tokens = jids.map((jid, index) =>
      index % 2 === 0 ? mintToken({ jid, otpSeed: OTP_SEED, tokenSecret: TOKEN_SECRET }) : 'password',
    );
    const many = `
import asyncio, importlib.util, json, sys
spec = importlib.util.spec_from_file_location("client", sys.argv[1])
client = importlib.util.module_from_spec(spec)
spec.loader.exec_module(client)
async def main():
    asked = client.Client(sys.argv[2])
    tokens = json.load(sys.stdin)
    logins = [asked.auth(f"user{i}", "example.com", token) for i, token in enumerate(tokens)]
    results = await asyncio.gather(*logins)
    asked.connection.sock.shutdown(2)
    again = await asked.exists("alice", "example.com")
    print(json.dumps([[result.accepted for result in results], again.accepted]))
asyncio.run(main())`;
    const { stdout } = spawnSync('python3', ['-c', many, PROGRAM, daemon.socketPath], {
      input: JSON.stringify(tokens),
      encoding: 'utf8',
    });
    expect(JSON.parse(stdout)).toEqual([tokens.map((_, index) => index % 2 === 0), true]);
  });
});
