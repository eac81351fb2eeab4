import { existsSync } from 'node:fs';
import type { ReplaySettings } from '../../replay/registry.js';
import { readProsody } from '../check/prosody/configuration.js';
import { findStarted } from '../check/prosody/started/started-daemon.js';

/**
 * Returns the settings of the stores that the daemons of a configuration can use. If it names no directory, a daemon that Prosody's module
 * starts has another one than a service. Directories that don't exist are left out.
 *
 * @param env the environment: `STATE_DIRECTORY` also names the directory
 * @param startedDirectory returns that of the daemon that Prosody's module starts; called only if it is needed
 */
export function settingsOfDaemons(
  settings: ReplaySettings,
  env: NodeJS.ProcessEnv,
  startedDirectory: () => string | undefined,
): ReplaySettings[] {
  if (settings.kind !== 'journal') return [settings];
  const isDefault = settings.otherwise !== undefined && env['STATE_DIRECTORY'] === undefined;
  const paths = [settings.path, isDefault ? startedDirectory() : undefined];
  return paths.flatMap((path) => (path !== undefined && existsSync(path) ? [{ kind: 'journal', path }] : []));
}

/**
 * Returns the directory of the daemon that Prosody's module starts, if it starts one.
 *
 * @throws {Error} if Prosody's configuration can't be read: a revocation in another directory would have no effect
 */
export function startedDirectory(prosody: string, env: NodeJS.ProcessEnv): string | undefined {
  return existsSync(prosody) ? findStarted(readProsody(prosody), env)?.directory : undefined;
}
