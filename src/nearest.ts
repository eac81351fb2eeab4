import leven from 'leven';

const MAX_TYPING_ERRORS = 4;

/** Returns the known name that somebody probably meant, or `undefined` if none is similar. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const same = known.find((other) => plain(other) === plain(name));
  if (same !== undefined) return same;
  const near = known
    .map((other) => ({
      other,
      distance: leven(name, other),
      length: Math.max(name.length, other.length),
    }))
    .filter(({ distance, length }) => distance <= Math.min(MAX_TYPING_ERRORS, length / 2));
  return near.sort((a, b) => a.distance - b.distance)[0]?.other;
}

/** Makes otpSeed, otp-seed and OTP_SEED equal. */
function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[-_ ]/g, '');
}
