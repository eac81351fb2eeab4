import type { KnownRevocations } from '../../src/users/revocations.js';
import type { UserPolicyOptions } from '../../src/users/user-policy.js';

/** Nobody is revoked. */
const noRevocations: KnownRevocations = {
  of: () => Promise.resolve(undefined),
  version: () => Promise.resolve('1'),
};

/** What a user policy needs besides its lists. */
export const policyBase: Pick<UserPolicyOptions, 'revocations' | 'id' | 'onWarning'> = {
  revocations: noRevocations,
  id: 'policy',
  onWarning: () => undefined,
};
