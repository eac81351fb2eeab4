/** A clock is set right by less than this again and again, above all after a boot. */
const SET_RIGHT_MILLISECONDS = 90_000;

/**
 * When something began, by the wall clock as it is when that is asked. A clock that was wrong then does no harm once it is
 * right: neither does it keep everybody out, when it was ahead, nor does it let used tokens in, when it was behind.
 *
 * A clock that is set back a little does not move the beginning back with it: tokens that were used shortly before could
 * be used again. (Set back further it was either wrong at first or is wrong now. Nobody can tell which; and were it taken for
 * wrong now, a clock that was hours ahead at boot would keep everybody out for hours.)
 *
 * @param clock milliseconds since the Unix epoch
 * @param age for how long it has been going on, in milliseconds, by a clock that nobody sets
 * @returns a function that gives milliseconds since the Unix epoch
 */
export function startInstant(clock: () => number, age: () => number): () => number {
  let latest = Number.NEGATIVE_INFINITY;
  return () => {
    const now = clock() - age();
    if (now > latest || now < latest - SET_RIGHT_MILLISECONDS) latest = now;
    return latest;
  };
}
