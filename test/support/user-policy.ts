import type { HostOptions } from '../../src/daemon/served-hosts.js';
import type { KnownRevocations } from '../../src/users/revocations.js';
import type { UserPolicyOptions } from '../../src/users/user-policy.js';

/** Nobody is revoked. */
const noRevocations: KnownRevocations = {
  of: () => Promise.resolve(undefined),
  version: () => Promise.resolve('1'),
};

/** What a user policy, and the hosts of a configuration, need besides their lists. */
export const policyBase: Pick<UserPolicyOptions, 'revocations' | 'id' | 'onWarning'> &
  Pick<HostOptions, 'openPasswords'> = {
  revocations: noRevocations,
  id: 'policy',
  openPasswords: () => Promise.resolve(new Map()),
  onWarning: () => undefined,
};
