import { generateSecret } from '../credential/key.js';

/** `xtokend keygen`: prints fresh secrets as two lines of TOML. */
export function keygen(): void {
  process.stdout.write(`otp_seed = "${generateSecret()}"\ntoken_secret = "${generateSecret()}"\n`);
}
