import type { KnownRevocations } from '../../src/users/revocations.js';

/** Nobody is revoked. */
export const noRevocations: KnownRevocations = {
  of: () => Promise.resolve(undefined),
  version: () => Promise.resolve('1'),
};

/** What a user policy needs besides its lists. */
export const policyBase = { revocations: noRevocations, id: 'policy', onWarning: (): void => undefined };
