import { lookup as systemLookup, type LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import pLimit from 'p-limit';

/** Resolves a name to all its addresses. Has the form of `dns.lookup`. */
export type LookupAll = (
  name: string,
  options: { readonly all: true },
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/**
 * Returns a function for the option `lookup` of a socket that resolves one name at a time. Sockets that need the same name share its
 * lookup. Each lookup blocks one of the four threads of libuv, for many seconds if the name server is dead.
 */
export function shareLookups(lookup: LookupAll): LookupFunction {
  const limit = pLimit(1);
  const pending = new Map<string, Promise<LookupAddress[]>>();
  const resolve = (name: string): Promise<LookupAddress[]> => {
    const shared = pending.get(name) ?? limit(() => resolveAll(lookup, name));
    pending.set(name, shared);
    const forget = (): void => {
      pending.delete(name);
    };
    shared.then(forget, forget);
    return shared;
  };
  return (name, options, callback) => {
    resolve(name).then(
      (addresses) => {
        const [first] = addresses;
        if (options.all === true) callback(null, addresses);
        else callback(null, first?.address ?? '', first?.family);
      },
      (error: unknown) => {
        callback(error as NodeJS.ErrnoException, '');
      },
    );
  };
}

/** Resolves names for all back ends of this process. */
export const sharedLookup: LookupFunction = shareLookups(systemLookup);

function resolveAll(lookup: LookupAll, name: string): Promise<LookupAddress[]> {
  return new Promise((resolve, reject) => {
    lookup(name, { all: true }, (error, addresses) => {
      if (error === null) resolve(addresses);
      else reject(error);
    });
  });
}
