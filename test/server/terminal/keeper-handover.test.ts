import { describe, expect, it } from 'vitest';
import { parseKeeperHandover } from '../../../src/server/terminal/keeper-handover.js';

describe('parseKeeperHandover', () => {
  it('reads what the keeper writes', () => {
    expect(parseKeeperHandover('123456 tail 7 6')).toEqual({
      emptyAt: 1_234_560,
      startsInRequest: true,
      keeperPid: 7,
      serverPid: 6,
    });
    expect(parseKeeperHandover('1 request 7 6')).toMatchObject({ startsInRequest: false });
  });

  it.each(['', 'request 7 6', '1 other 7 6', '1 tail 7', '1 tail 7 6 5', '-1 tail 7 6'])(
    'refuses %j',
    (text) => {
      expect(parseKeeperHandover(text)).toBeUndefined();
    },
  );
});
