import { isPart, type ListRequest, type RecheckRequest } from '../protocol/request.js';
import { accepted, refused, type Decision } from './decision.js';
import type { Dependencies } from './steps.js';

/** Decides which users who are logged in must not stay: those who couldn't log in any more. */
export async function recheckUsers(
  { host, users }: RecheckRequest,
  { hostOf }: Dependencies,
): Promise<Decision> {
  const policy = hostOf(host)?.users;
  if (policy === undefined) return refused('unknown-host');
  // First, so that a change in the meantime leads to another recheck.
  const version = await policy.version();
  const refusals = await Promise.all(
    users.map(async (user) => (isPart(user) ? policy.refusalOf(user, host) : undefined)),
  );
  if (refusals.includes('replay-cache-unavailable')) return refused('replay-cache-unavailable');
  return accepted({ version, users: users.filter((_, index) => refusals[index] !== undefined) });
}

/** Lists a page of the users of a host: those seen, or listed. */
export async function listUsers({ host, after }: ListRequest, { hostOf }: Dependencies): Promise<Decision> {
  const policy = hostOf(host)?.users;
  if (policy === undefined) return refused('unknown-host');
  const page = await policy.list(host, after);
  return typeof page === 'string' ? refused(page) : accepted(page);
}
