import { findExposure } from '../system/trusted-path.js';
import type { Log } from '../log/log.js';

/**
 * Warns of each directory or file that lets another user replace a file that was read. It does not refuse the configuration, as
 * nobody could log in any more on a machine that has always been set up that way.
 *
 * @param files the configuration, the secrets and the lists
 */
export function warnOfExposures(files: readonly string[], log: Log): void {
  const exposures = files.flatMap((file) => findExposure(file) ?? []);
  for (const { message, fix } of new Map(exposures.map((exposure) => [exposure.path, exposure])).values()) {
    log.write('warning', 'configuration file writable by another user', { cause: message, fix });
  }
}
