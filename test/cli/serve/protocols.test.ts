import { describe, expect, it } from 'vitest';
import { mintToken } from '../../../src/index.js';
import { temporaryFile } from '../../support/directory.js';
import { OTP_SEED, SECRETS, TOKEN_SECRET } from '../../support/keys.js';
import { xtokend } from '../../support/xtokend.js';

const mint = (jid: string): string => mintToken({ jid, otpSeed: OTP_SEED, tokenSecret: TOKEN_SECRET });
const environment = (): NodeJS.ProcessEnv => ({ XTOKEND_CONFIG: temporaryFile(SECRETS) });

function packet(text: string): Buffer {
  const body = Buffer.from(text);
  return Buffer.concat([Buffer.from([body.length >> 8, body.length & 0xff]), body]);
}

describe('the protocols on stdin and stdout', () => {
  it.each([[[]], [['--protocol', 'auto']], [['--protocol', 'ejabberd']]])(
    'speaks the protocol of ejabberd: %j',
    (args) => {
      const input = Buffer.concat([packet('isuser:a:b'), packet(`auth:a:b:${mint('a@b')}`), packet('')]);
      const { status, stdout } = xtokend(args, { input, env: environment() });
      expect({ status, stdout }).toEqual({
        status: 0,
        stdout: '\0\u0002\0\u0001\0\u0002\0\u0001\0\u0002\0\0',
      });
    },
  );

  it.each([[[]], [['--protocol', 'native']]])('speaks the native protocol: %j', (args) => {
    const token = mint('alice@example.com');
    const login = (id: number): string =>
      `AUTH\t${id}\talice\texample.com\tpassword=${token}\trip=192.0.2.7\tsecured\n`;
    const input = `VERSION\t1\t0\nUSER\t1\tbob\texample.com\n${login(2)}${login(3)}nonsense\nUSER\t4\tbob\texample.com\n`;
    const { status, stdout, stderr } = xtokend(args, { input, env: environment() });
    expect(status).toBe(0);
    const lines = stdout.split('\n');
    expect([lines[0], ...lines.slice(1, 4).sort(), ...lines.slice(4)]).toEqual([
      'VERSION\t1\t0',
      'FAIL\t3\treason=replayed\texpired',
      'OK\t1',
      'OK\t2',
      'ERROR\texpected a command in capital letters, such as AUTH',
      '',
    ]);
    expect(stderr).toMatch(
      / info accepted operation="auth" jid="alice@example\.com" host="example\.com" client="192\.0\.2\.7" key=/,
    );
    expect(stderr).toMatch(
      / error refused operation="malformed" reason="malformed-request" listener="stdin" cause="expected a command/,
    );
    expect(stderr).not.toContain(token);
  });

  it('leaves the address of the client out if the configuration says so, and logs unencrypted logins', () => {
    const XTOKEND_CONFIG = temporaryFile(`${SECRETS}[log]\nclient_address = false\nformat = "json"\n`);
    const input = 'VERSION\t1\t0\nAUTH\t1\talice\texample.com\tpassword=x\trip=192.0.2.7\n';
    const { stdout, stderr } = xtokend([], { input, env: { XTOKEND_CONFIG } });
    expect(stdout).toContain('FAIL\t1\treason=malformed-token\n');
    expect(stderr).not.toContain('192.0.2.7');
    expect(stderr).toContain('"secured":"no"');
  });

  it.each([
    ['HTTP', 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n', '0\n0\n0\n', 'looks like HTTP'],
    ['text', 'hello\nisuser:a:b\n', '0\n1\n', 'text, but not a request'],
    ['the start of a version', 'VERS', '', 'text, but not a request'],
    ['TLS', Buffer.from('16030100f1010000ed0303', 'hex'), '', 'looks like TLS'],
  ])('logs once that a stream is in no protocol that it knows: %s', (_, input, answers, cause) => {
    const { status, stdout, stderr } = xtokend([], { input, env: environment() });
    expect({ status, stdout }).toEqual({ status: 0, stdout: answers });
    const causes = Array.from(
      stderr.matchAll(/ error .* reason="unknown-protocol" .*cause="([^"]*)"/g),
      ([, text]) => text,
    );
    expect(causes).toEqual([expect.stringContaining(cause)]);
  });
});
