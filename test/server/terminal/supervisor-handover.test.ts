import { describe, expect, it } from 'vitest';
import { parseSupervisorHandover } from '../../../src/server/terminal/supervisor-handover.js';

describe('parseSupervisorHandover', () => {
  it('reads what the supervisor writes', () => {
    expect(parseSupervisorHandover('123456 tail 7 6')).toEqual({
      drainedAt: 1_234_560,
      startsInRequest: true,
      supervisorPid: 7,
      serverPid: 6,
    });
    expect(parseSupervisorHandover('1 request 7 6')).toMatchObject({ startsInRequest: false });
  });

  it.each(['', 'request 7 6', '1 other 7 6', '1 tail 7', '1 tail 7 6 5', '-1 tail 7 6'])(
    'refuses %j',
    (text) => {
      expect(parseSupervisorHandover(text)).toBeUndefined();
    },
  );
});
