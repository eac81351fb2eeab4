import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { releases } from '../support/servers/prosody.js';
import { descendantsOf, findProgram, survivorsOf } from '../support/system/processes.js';
import { Demo, requireDemo } from './demo.js';

const [release] = releases;
if (release === undefined) throw new Error('expected a release');

describe('npm run demo', () => {
  let demo: Demo | undefined;

  beforeEach((context) => {
    requireDemo(context, release);
  });

  afterEach(async () => {
    await demo?.stop();
    demo = undefined;
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGKILL'] as const)(
    'leaves no process after %s',
    async (signal) => {
      demo = await Demo.start(release.program);
      const { servers } = demo;
      expect(servers).toHaveLength(2);
      process.kill(demo.pid, signal);
      expect(await survivorsOf([demo.pid, ...servers], 10_000)).toEqual([]);
    },
  );

  it('starts Prosody again when it ends', async () => {
    demo = await Demo.start(release.program);
    const from = demo.output.length;
    const prosody = findProgram(descendantsOf(demo.pid), 'lua5.4');
    process.kill(prosody, 'SIGKILL');
    await demo.printed('Prosody ended unexpectedly', from);
    await demo.printed(' info listening ', from);
  });
});
