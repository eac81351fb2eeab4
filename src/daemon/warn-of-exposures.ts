import { findExposure } from '../system/trusted-path.js';
import type { Log } from '../log/log.js';

/**
 * Writes a warning for each directory or file that lets another user replace what was read. Nothing is refused for it: in a
 * set-up that has always been like that, nobody could log in any more.
 *
 * @param files those that decide who gets in
 */
export function warnOfExposures(files: readonly string[], log: Log): void {
  const exposures = files.flatMap((file) => findExposure(file) ?? []);
  for (const { message, fix } of new Map(exposures.map((exposure) => [exposure.path, exposure])).values()) {
    log.write('warning', 'configuration file writable by another user', {
      cause: message,
      fix,
    });
  }
}
