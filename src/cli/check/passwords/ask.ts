import type { PasswordBackend } from '../../../passwords/backend.js';
import {
  ChecksInProgress,
  createPasswords,
  type BackendRequest,
  type Passwords,
} from '../../../passwords/passwords.js';
import type { Throttle } from '../../../passwords/throttle/throttle.js';

/** Back ends that are asked outside of the daemon. */
export interface ObservedPasswords {
  readonly passwords: Passwords;
  /** The requests so far, in their order. */
  readonly requests: readonly BackendRequest[];
}

const none = (): void => undefined;
/** The daemon has the counters of wrong passwords: what is tried here does not count. */
const unlimited: Throttle = {
  admit: () => Promise.resolve({ succeeded: none, release: none }),
  close: () => Promise.resolve(),
};

/**
 * Asks back ends as the daemon does, without its limits of wrong passwords.
 *
 * @param timeout how long a check may take with all of them, in milliseconds
 */
export function observe(backends: readonly PasswordBackend[], timeout: number): ObservedPasswords {
  const requests: BackendRequest[] = [];
  const passwords = createPasswords({
    ...{ backends, timeout, throttle: unlimited, inProgress: new ChecksInProgress() },
    onRequest: (request) => requests.push(request),
  });
  return { passwords, requests };
}
