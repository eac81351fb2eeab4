import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { busyPoll } from '../../src/server/busy-poll.js';

/** While there are any, the event loop does not sleep. */
function immediates(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === 'Immediate').length;
}

it('keeps the event loop awake for a moment after an answer, or several, and then lets it sleep', async () => {
  const before = immediates();
  for (let round = 0; round < 2; round += 1) {
    busyPoll();
    busyPoll();
    expect(immediates()).toBe(before + 1);
    await turn();
    expect(immediates()).toBe(before + 1);
    await expect.poll(immediates).toBe(before);
  }
});
