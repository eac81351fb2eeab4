import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkClock } from '../../../src/cli/check/machine/clock.js';
import { checkNode } from '../../../src/cli/check/machine/node.js';
import { temporaryDirectory } from '../../support/directory.js';
import { NOW } from '../../support/keys.js';

/** Returns a directory with a node of a version. */
function withNode(version: string): string {
  const directory = join(temporaryDirectory(), 'bin');
  mkdirSync(directory);
  writeFileSync(join(directory, 'node'), `#!/bin/sh\necho ${version}\n`, { mode: 0o755 });
  return directory;
}

describe('xtokend check, of Node.js', () => {
  it('reports one that is too old in the PATH of a service', async () => {
    const directory = withNode('v18.18.2');
    expect(await checkNode({}, `/no/such:${directory}`)).toMatchObject([
      { code: 'node-ok' },
      {
        level: 'problem',
        code: 'node-old',
        message: `a service would run ${directory}/node, which is Node.js 18.18.2; expected 18.19 or later`,
      },
    ]);
    expect(await checkNode({}, withNode('v18.19.0'))).toMatchObject([{ code: 'node-ok' }]);
  });

  it('reports that a service finds none', async () => {
    expect(await checkNode({}, '/no/such')).toMatchObject([
      { code: 'node-ok' },
      { level: 'warning', code: 'node-missing' },
    ]);
  });

  it('accepts itself', async () => {
    const directory = temporaryDirectory();
    symlinkSync(process.execPath, join(directory, 'node'));
    expect(await checkNode({}, directory)).toMatchObject([{ level: 'ok', code: 'node-ok' }]);
  });
});

describe('xtokend check, of a clock', () => {
  it('reports a time before the program was built', async () => {
    const env = { PATH: '/no/such' };
    expect(await checkClock({ now: NOW, builtAt: NOW + 1, env })).toMatchObject([
      { level: 'problem', code: 'clock-wrong' },
    ]);
    expect(await checkClock({ now: NOW, builtAt: NOW, env })).not.toMatchObject([{ code: 'clock-wrong' }]);
  });
});
