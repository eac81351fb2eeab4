import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkClock } from '../../src/cli/check/clock.js';
import { checkNode } from '../../src/cli/check/node.js';
import { temporaryFolder } from '../support/folder.js';
import { NOW } from '../support/keys.js';

/** @returns a folder with a node that says which it is */
function withNode(version: string): string {
  const folder = join(temporaryFolder(), 'bin');
  mkdirSync(folder);
  writeFileSync(join(folder, 'node'), `#!/bin/sh\necho ${version}\n`, { mode: 0o755 });
  return folder;
}

describe('xtokend check, of Node.js', () => {
  it('finds one that is too old where a service looks', async () => {
    const folder = withNode('v18.18.2');
    expect(await checkNode({}, `/no/such:${folder}`)).toMatchObject([
      { code: 'node-good' },
      {
        level: 'problem',
        code: 'node-old',
        message: `a service would run ${folder}/node, which is Node.js 18.18.2; expected 18.19 or later`,
      },
    ]);
    expect(await checkNode({}, withNode('v18.19.0'))).toMatchObject([{ code: 'node-good' }]);
  });

  it('finds none', async () => {
    expect(await checkNode({}, '/no/such')).toMatchObject([
      { code: 'node-good' },
      { level: 'warning', code: 'node-missing' },
    ]);
  });

  it('knows itself', async () => {
    const folder = temporaryFolder();
    symlinkSync(process.execPath, join(folder, 'node'));
    expect(await checkNode({}, folder)).toMatchObject([{ level: 'ok', code: 'node-good' }]);
  });
});

describe('xtokend check, of a clock', () => {
  it('finds a time that cannot be', async () => {
    const env = { PATH: '/no/such' };
    expect(await checkClock({ now: NOW, builtAt: NOW + 1, env })).toMatchObject([
      { level: 'problem', code: 'clock-absurd' },
    ]);
    expect(await checkClock({ now: NOW, builtAt: NOW, env })).not.toMatchObject([{ code: 'clock-absurd' }]);
  });
});
