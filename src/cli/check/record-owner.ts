import { statSync } from 'node:fs';
import { join } from 'node:path';
import { RECORD_NAME } from '../../operations/open-record.js';
import { nameOfUser } from '../../accounts.js';
import type { Finding } from './finding.js';
import { isServiceUser } from './trusted-users.js';

/**
 * A record is for the user alone that it belongs to. Root may look at that of a daemon that is another's, but whatever root
 * tried there would say nothing of the daemon.
 *
 * @param path of the directory that the record stands in
 * @returns what can be said of it, or `undefined` where this user may try it
 */
export function checkRecordOwner(path: string): Finding | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const uid = ownerOf(join(path, RECORD_NAME)) ?? ownerOf(path) ?? 0;
  const name = nameOfUser(uid);
  if (!isServiceUser(uid)) return undefined;
  const owner = name === undefined ? `a service of systemd (uid ${uid})` : `user ${name}`;
  return {
    level: 'warning',
    code: 'record-of-another',
    subject: 'record',
    message: `the record of used tokens in ${path} is that of ${owner}, and was not tried: a daemon that runs as root would refuse every token`,
    cure:
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
