import { findExposure } from '../trusted-path.js';
import type { Log } from './log.js';

/**
 * Writes a warning for each directory or file that lets another user replace what was read. Nothing is refused for it: in a
 * set-up that has always been like that, nobody could log in any more.
 *
 * @param files those that decide who gets in
 */
export function warnOfExposures(files: readonly string[], log: Log): void {
  const exposures = files.flatMap((file) => findExposure(file) ?? []);
  for (const { message, fix } of new Map(exposures.map((exposure) => [exposure.path, exposure])).values()) {
    log.write('warning', 'another user can replace the configuration, a secret or a list', {
      cause: message,
      fix,
    });
  }
}
