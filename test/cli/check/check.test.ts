import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runChecks } from '../../../src/cli/check/checks.js';
import { report } from '../../../src/cli/check/report.js';
import { check } from '../../support/check.js';
import { codeIn } from '../../support/documents.js';
import { temporaryFile, temporaryDirectory } from '../../support/directory.js';
import { OTP_SEED, SECRETS, TOKEN_SECRET } from '../../support/keys.js';
import { NODE_VERSION } from '../../support/node.js';
import { PROGRAM, xtokend } from '../../support/xtokend.js';

/** Returns the path of a configuration of ejabberd in which nothing is wrong: what is installed here must not matter. */
function goodEjabberd(): string {
  const documented = codeIn('docs/ejabberd.md', 'yaml').replace('/usr/bin/xtokend', PROGRAM);
  return temporaryFile(`hosts: [example.com]\n${documented}`, 'ejabberd.yml');
}

describe('xtokend check', () => {
  it('says that all is well, a line each, with exit code 0', () => {
    const config = temporaryFile(`${SECRETS}[hosts."example.com"]\n`);
    const { status, stdout, stderr } = xtokend(['check', '--config', config, '--ejabberd', goodEjabberd()]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain(`ok       configuration  ${config} is good; it serves example.com\n`);
    expect(stdout).toMatch(/\n\nFit to run: 0 problems, 0 warnings\.\n$/);
    expect(stdout).not.toContain('\x1b');
  });

  it('says the same for tools', () => {
    const { findings } = check(SECRETS);
    expect(findings).toContainEqual({
      level: 'ok',
      code: 'node-ok',
      subject: 'program',
      message: `Node.js ${NODE_VERSION} is new enough`,
    });
  });

  it('names every problem, never a secret, with exit code 1', () => {
    const config = temporaryFile(`otp_seed = "${OTP_SEED}"\ntoken_secret = ["${TOKEN_SECRET}"]\nport = 1\n`);
    const { status, stdout, stderr } = xtokend(['check', '--config', config, '--ejabberd', goodEjabberd()]);
    expect({ status, stderr }).toEqual({ status: 1, stderr: '' });
    expect(stdout).toContain(`problem  configuration  ${config}: token_secret: expected a text in quotes\n`);
    expect(stdout).toContain(`problem  configuration  ${config}: port: there is no such setting`);
    expect(stdout).toContain('\nNot fit to run: 2 problems, 0 warnings.\n');
    expect(stdout).not.toContain(OTP_SEED);
    expect(stdout).not.toContain(TOKEN_SECRET);
  });

  it('says that there is no configuration, and looks at the rest', () => {
    const path = join(temporaryDirectory(), 'none');
    const { status, of } = check({ path });
    expect(status).toBe(1);
    expect(of('configuration-unreadable').join()).toContain('there is no such file');
    expect(of('configuration-unreadable').join()).toContain(`xtokend init --config ${path}`);
    expect(of('node-ok')).toHaveLength(1);
  });

  it('looks at modes although the configuration is not good', () => {
    const path = temporaryFile('otp_seed = "short"\n');
    chmodSync(path, 0o644);
    const { of } = check({ path });
    expect(of('configuration-invalid')).toHaveLength(2);
    expect(of('file-world-readable')).toHaveLength(1);
  });
});

it('goes on where one check cannot be made', async () => {
  const situation = {
    file: '/no/such',
    fault: undefined,
    env: {},
    now: 1,
    builtAt: 0,
    named: { prosody: '/no/such' },
  };
  const broken = Object.defineProperty({ ...situation, configuration: undefined }, 'configuration', {
    get: () => {
      throw new Error('the disk is on fire');
    },
  });
  const findings = await runChecks(broken);
  const message = 'this could not be looked at: the disk is on fire';
  expect(findings).toContainEqual({ level: 'warning', code: 'not-checked', subject: 'replay', message });
  expect(findings.map(({ code }) => code)).toContain('node-ok');
});

const green = (text: string): string => `\x1b[32m${text}\x1b[39m`;
const red = (text: string): string => `\x1b[31m${text}\x1b[39m`;

describe('what a person reads', () => {
  const findings = [
    {
      level: 'problem',
      code: 'socket-no-listener',
      subject: 'socket',
      message: 'one two three four five six seven',
      fix: 'a b c d e f g h i j k l m n o p',
    },
    { level: 'ok', code: 'log-ok', subject: 'log', message: 'a\x1b[2Jb\nc' },
  ] as const;

  it('fits the terminal, problems last', () => {
    expect(report(findings, { width: 54, hasColours: false })).toBe(
      [
        'ok       log            a [2Jb c',
        '',
        'problem  socket         one two three four five six',
        '                        seven',
        '                        → a b c d e f g h i j k l m n',
        '                          o p',
        '',
        'Not fit to run: 1 problem, 0 warnings.\n',
      ].join('\n'),
    );
  });

  it('has colours for the levels only where they are wanted', () => {
    const said = report(findings, { width: Infinity, hasColours: true });
    expect(said).toContain(`${green('ok       ')}log `);
    expect(said).toContain(`${red('problem  ')}socket `);
  });
});
