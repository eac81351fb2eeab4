import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isNewEnough, OLDEST_NODE } from '../../src/cli/start/oldest-node.js';
import { temporaryFile } from '../support/directory.js';
import { SECRETS } from '../support/keys.js';
import { NODE_VERSION } from '../support/run/node.js';
import { requireScript } from '../support/run/requirements.js';
import { PROGRAM, xtokend } from '../support/xtokend.js';

const contentOf = (path: string): string => readFileSync(join(PROGRAM, '../..', path), 'utf8');

describe('the oldest supported Node.js', () => {
  it.each([
    ['12.22.12', false],
    ['18.18.2', false],
    ['18.19.0', true],
    ['18.20.8', true],
    ['19.0.0', true],
    ['20.0.0', true],
    ['100.1.0', true],
    ['', false],
    ['nonsense', false],
  ])('compares with %j: %s', (version, isFit) => {
    expect(isNewEnough(version)).toBe(isFit);
  });

  it('is the same in all files', () => {
    const { engines } = JSON.parse(contentOf('package.json')) as { engines: { node: string } };
    expect(engines.node).toBe(`>=${OLDEST_NODE}`);
    expect(contentOf('bin/xtokend')).toContain(`expected Node.js ${OLDEST_NODE} or later`);
    // A line of the page can end anywhere.
    expect(contentOf('README.md').replaceAll('\n', ' ')).toContain(`needs Node.js ${OLDEST_NODE} or later`);
    expect(contentOf('scripts/start')).toContain(`scripts/install ${OLDEST_NODE}`);
    expect(contentOf('scripts/build.js')).toContain(`target: 'node${OLDEST_NODE}'`);
  });

  it('is in the message of a program that refuses an older one', () => {
    const old = temporaryFile(
      "Object.defineProperty(process.versions, 'node', { value: '18.18.2' })",
      'old.cjs',
    );
    const { status, stdout, stderr } = xtokend([], { env: { NODE_OPTIONS: `--require=${old}` } });
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toBe(`xtokend: expected Node.js ${OLDEST_NODE} or later, found 18.18.2\n`);
  });
});

describe('the Node.js of the tests', () => {
  it('runs the program, with colours on a terminal', (context) => {
    requireScript(context);
    const config = temporaryFile(`${SECRETS}[replay]\nstore = "memory"\n`);
    const { stdout } = xtokend(['-qec', `${PROGRAM} check --config ${config}`, '/dev/null'], {
      program: 'script',
      env: { TERM: 'xterm' },
    });
    expect(stdout).toContain(
      `\u001b[32mok       \u001b[39mprogram        Node.js ${NODE_VERSION} is supported`,
    );
  });
});
