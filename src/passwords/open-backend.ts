import type { PasswordBackend } from './backend.js';
import type { BackendSettings } from './settings.js';

/** Options of {@link openBackend}. */
export interface BackendOptions {
  /** The environment, of which a command gets a few variables. */
  readonly env: NodeJS.ProcessEnv;
  /** Called with the id of each app password that is accepted. */
  readonly onUsed: (id: string) => void;
  /** Called with each fault that makes no request fail, and with faults of a file. */
  readonly onWarning: (message: string) => void;
}

/**
 * Opens a back end. Loads only the code of its kind.
 *
 * @throws if it can't be opened
 */
export async function openBackend(
  settings: BackendSettings,
  options: BackendOptions,
): Promise<PasswordBackend> {
  switch (settings.kind) {
    case 'app-passwords':
      return (await import('./app-passwords/app-passwords.js')).openAppPasswords(settings, options);
    case 'command':
      return (await import('./command/command-backend.js')).openCommandBackend(settings, options);
    case 'http':
      return (await import('./http/http-backend.js')).openHttpBackend(settings);
  }
}
