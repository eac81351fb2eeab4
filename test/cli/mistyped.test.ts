import { describe, expect, it } from 'vitest';
import { xtokend } from '../support/xtokend.js';

const UNKNOWN = 'error: expected a command and then its options; see xtokend --help\n';
const OTP = '0123456789'.repeat(4);
const SIGNATURE = `${'a/+'.repeat(14)}Z=`;
const TOKEN = `${OTP} ${SIGNATURE}`;

describe('a mistyped command', () => {
  it.each([
    [['chekc'], "error: unknown command 'chekc'. Did you mean check? See xtokend --help\n"],
    [['MINT', 'a@b'], "error: unknown command 'MINT'. Did you mean mint? See xtokend --help\n"],
    [
      ['verfy', '--at', '0', 'a@b', '-'],
      "error: unknown command 'verfy'. Did you mean verify? See xtokend --help\n",
    ],
    [
      ['--protocol', 'auto', 'relaod'],
      "error: unknown command 'relaod'. Did you mean reload? See xtokend --help\n",
    ],
    [['help', 'revok'], "error: unknown topic 'revok'. Did you mean revoke? See xtokend --help\n"],
    [
      ['help', 'configration'],
      "error: unknown topic 'configration'. Did you mean configuration? See xtokend --help\n",
    ],
    [['frobnicate', '--count', '3'], UNKNOWN],
    [['serve', 'mint'], UNKNOWN],
    [['help', 'frobnicate'], UNKNOWN],
  ])('%j gets the one that was probably meant', (args, stderr) => {
    expect(xtokend(args)).toMatchObject({ status: 2, stdout: '', stderr });
  });
});

describe('a mistyped option', () => {
  it.each([
    [['mint', '--cuont', '3', 'a@b'], "error: unknown option '--cuont'\n(Did you mean --count?)\n"],
    [['serve', '--lisen', 'unix:/x'], "error: unknown option '--lisen'\n(Did you mean --listen?)\n"],
    [['--protocl=auto'], "error: unknown option '--protocl=…'\n"],
  ])('%j gets the one that was probably meant', (args, stderr) => {
    expect(xtokend(args)).toMatchObject({ status: 2, stdout: '', stderr });
  });
});

describe('an argument that could be a token', () => {
  it.each([
    [[TOKEN]],
    [[OTP, SIGNATURE]],
    [[SIGNATURE]],
    [['serve', TOKEN]],
    [['help', TOKEN]],
    [['mint', 'a@b', TOKEN]],
    [['mint', `--token=${TOKEN}`]],
    [['mint', `--${TOKEN}`, 'a@b']],
    [['mint', `-${SIGNATURE}`, 'a@b']],
    [['mint', TOKEN]],
    [['serve', '--protocol', TOKEN]],
    [['serve', '--listen', TOKEN]],
    [['serve', '--listen', TOKEN.slice(0, 30)]],
    [['mint', '--at', TOKEN, 'a@b']],
    [['mint', '--count', TOKEN, 'a@b']],
    [['verify', 'a@b', '--config', TOKEN, '-']],
  ])('is not repeated: %j', (args) => {
    const { status, stdout, stderr } = xtokend(args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).not.toBe('');
    expect(stderr).not.toContain(OTP.slice(0, 12));
    expect(stderr).not.toContain(SIGNATURE.slice(0, 12));
  });
});
