import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runChecks } from '../../../src/cli/check/checks.js';
import { report } from '../../../src/cli/check/report.js';
import { check } from '../../support/daemon/check.js';
import { temporaryFile, temporaryDirectory } from '../../support/directory.js';
import { OTP_SEED, SECRETS, TOKEN_SECRET } from '../../support/keys.js';
import { NODE_VERSION } from '../../support/run/node.js';
import { settingsForProgram } from '../../support/servers/ejabberd-settings.js';
import { PROGRAM, xtokend } from '../../support/xtokend.js';

/** Returns the path of a valid configuration of ejabberd, so that the result does not depend on what is installed here. */
function validEjabberd(): string {
  const documented = settingsForProgram(PROGRAM);
  return temporaryFile(`hosts: [example.com]\n${documented}`, 'ejabberd.yml');
}

describe('xtokend check', () => {
  it('reports a line for each check, with exit code 0, if there is no problem', () => {
    const config = temporaryFile(`${SECRETS}[hosts."example.com"]\n`);
    const { status, stdout, stderr } = xtokend(['check', '--config', config, '--ejabberd', validEjabberd()]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain(`ok       configuration  ${config} is valid; it serves example.com\n`);
    expect(stdout).toMatch(/\n\nFit to run: 0 problems, 0 warnings\.\n$/);
    expect(stdout).not.toContain('\x1b');
  });

  it('prints the same findings as JSON', () => {
    const { findings } = check(SECRETS);
    expect(findings).toContainEqual({
      level: 'ok',
      code: 'node-ok',
      subject: 'program',
      message: `Node.js ${NODE_VERSION} is supported`,
    });
  });

  it('reports every problem, but no secret, with exit code 1', () => {
    const config = temporaryFile(`otp_seed = "${OTP_SEED}"\ntoken_secret = ["${TOKEN_SECRET}"]\nport = 1\n`);
    const { status, stdout, stderr } = xtokend(['check', '--config', config, '--ejabberd', validEjabberd()]);
    expect({ status, stderr }).toEqual({ status: 1, stderr: '' });
    expect(stdout).toContain(`problem  configuration  ${config}: token_secret: expected a text in quotes\n`);
    expect(stdout).toContain(`problem  configuration  ${config}: port: there is no such setting`);
    expect(stdout).toContain('\nNot fit to run: 2 problems, 0 warnings.\n');
    expect(stdout).not.toContain(OTP_SEED);
    expect(stdout).not.toContain(TOKEN_SECRET);
  });

  it('reports a missing configuration, and still runs the other checks', () => {
    const path = join(temporaryDirectory(), 'none');
    const { status, of } = check({ path });
    expect(status).toBe(1);
    expect(of('configuration-unreadable').join()).toContain('there is no such file');
    expect(of('configuration-unreadable').join()).toContain(`xtokend init --config ${path}`);
    expect(of('node-ok')).toHaveLength(1);
  });

  it('checks modes even if the configuration is invalid', () => {
    const path = temporaryFile('otp_seed = "short"\n');
    chmodSync(path, 0o644);
    const { of } = check({ path });
    expect(of('configuration-invalid')).toHaveLength(2);
    expect(of('file-world-readable')).toHaveLength(1);
  });
});

it('runs the other checks if one fails', async () => {
  const situation = {
    file: '/no/such',
    fault: undefined,
    files: [],
    secretFiles: [],
    env: {},
    now: 1,
    builtAt: 0,
    named: {},
    prosody: {},
    ejabberd: {},
    chatServers: [],
    isServiceUsed: false,
  };
  const broken = Object.defineProperty({ ...situation, configuration: undefined }, 'configuration', {
    get: () => {
      throw new Error('the disk is on fire');
    },
  });
  const findings = await runChecks(broken);
  const message = 'this check failed: the disk is on fire';
  expect(findings).toContainEqual({ level: 'warning', code: 'not-checked', subject: 'replay', message });
  expect(findings.map(({ code }) => code)).toContain('node-ok');
});

const green = (text: string): string => `\x1b[32m${text}\x1b[39m`;
const red = (text: string): string => `\x1b[31m${text}\x1b[39m`;

describe('the report', () => {
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

  it('breaks lines for the width of the terminal, and shows problems last', () => {
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

  it('colours the levels only if it is asked to', () => {
    const text = report(findings, { width: Infinity, hasColours: true });
    expect(text).toContain(`${green('ok       ')}log `);
    expect(text).toContain(`${red('problem  ')}socket `);
  });
});
