import type { Service } from '../operations/service.js';

/**
 * Does what signals ask a service for: SIGHUP to reload, SIGUSR1 to say how it goes. To be called before the service reads
 * anything, so that no signal is lost.
 *
 * @param reload never rejects
 */
export function handleSignals(service: Service, reload: () => Promise<void>): void {
  process.on('SIGHUP', () => void reload());
  process.on('SIGUSR1', () => {
    service.summarize();
  });
}
