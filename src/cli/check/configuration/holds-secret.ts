import { readTextFile } from '../../../config/read-file.js';

/**
 * Any form of TOML: `otp_seed = …`, `"token_secret" = …`, `hosts."a.example".otp_seed = …`; not `otp_seed_file`. Also passwords, in a
 * setting or a URL.
 */
const SETTING = /\b(?:otp_seed|token_secret|\w*password)["']?\s*=|:\/\/[^\s"'@]*:[^\s"']*@/;

/** Whether a configuration file holds secrets itself, even if it can't be used. */
export function holdsSecret(path: string): boolean {
  try {
    return SETTING.test(readTextFile(path));
  } catch {
    // It isn't text, or this user can't read it.
    return true;
  }
}
