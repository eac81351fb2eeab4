import { statSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE_NAME } from '../../../daemon/open-cache.js';
import { nameOfUser } from '../../../system/accounts.js';
import type { Finding } from '../finding.js';
import { isServiceUser } from '../configuration/trusted-users.js';

/**
 * A record is for the user alone that it belongs to. Root may look at that of a daemon that is another's, but whatever root
 * tried there would say nothing of the daemon.
 *
 * @param path of the directory that the record stands in
 * @returns what can be said of it, or `undefined` where this user may try it
 */
export function checkReplayOwner(path: string): Finding | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const uid = ownerOf(join(path, CACHE_NAME)) ?? ownerOf(path) ?? 0;
  const name = nameOfUser(uid);
  if (!isServiceUser(uid)) return undefined;
  const owner = name === undefined ? `a service of systemd (uid ${uid})` : `user ${name}`;
  return {
    level: 'warning',
    code: 'replay-other-owner',
    subject: 'replay',
    message: `the replay cache in ${path} is that of ${owner}, and was not tried: a daemon that runs as root would refuse every token`,
    fix:
      name === undefined
        ? 'journalctl -u xtokend says whether it works, or: xtokend check --request auth:USER:HOST'
        : `su -s /bin/sh ${name} -c 'xtokend check' tries it`,
  };
}

function ownerOf(path: string): number | undefined {
  try {
    return statSync(path).uid;
  } catch {
    // What is wrong with it is said where it is tried.
    return undefined;
  }
}
