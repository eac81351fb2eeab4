/** The two secrets that an application and the daemon share, as they stand in a configuration. */
export interface KeyText {
  /** At least 16 characters of base32 (A–Z, 2–7). */
  readonly otpSeed: string;
  /** At least 16 characters; used as UTF-8 bytes, not decoded. */
  readonly tokenSecret: string;
}
