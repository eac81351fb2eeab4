import { generateSecret } from '../credential/key.js';

/** `xtokend keygen`: prints fresh secrets as two lines of TOML. */
export function keygen(): void {
  process.stdout.write(newSecrets());
}

/** Returns fresh secrets as two lines of TOML. */
export function newSecrets(): string {
  return `otp_seed = "${generateSecret()}"\ntoken_secret = "${generateSecret()}"\n`;
}
