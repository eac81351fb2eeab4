/**
 * @returns milliseconds since the Unix epoch
 * @throws {RangeError} for an invalid date and for one before 1970, where there are no time steps
 */
export function millisecondsOf(date: Date): number {
  const milliseconds = date.getTime();
  if (!(milliseconds >= 0)) throw new RangeError('expected `now` to be a valid Date from 1970 on');
  return milliseconds;
}
