import { nameOfGroup, nameOfUser } from '../../../system/accounts.js';
import { statSync } from 'node:fs';
import { quoted } from '../../../quoted.js';
import { findAccount } from '../accounts.js';
import { prosodyUser } from '../prosody/prosody.js';
import { readProsody } from '../prosody/configuration.js';
import { permitReading, useCredentials } from '../service/permit-reading.js';
import type { Situation } from '../situation.js';

/** Says how to keep everybody but xtokend from a file with secrets: whoever runs xtokend must still be able to read it. */
export function howToClose(path: string, situation: Situation): string {
  const { service } = situation;
  if (service !== undefined) return permitReading(path, service) ?? useCredentials;
  const uid = statSync(path).uid;
  const file = quoted(path);
  if (uid !== 0)
    return `chmod o-rwx ${file}; if xtokend doesn't run as user ${nameOfUser(uid) ?? uid}, give the file to a group of its user first`;
  const group = groupOfStarter(situation);
  const command = `chown root:${group ?? 'GROUP'} ${file} && chmod 640 ${file}`;
  return group === undefined
    ? `${command}, with the group of the user that xtokend runs as: it must still be able to read it`
    : command;
}

/** The group of Prosody, if that starts xtokend. */
function groupOfStarter(situation: Situation): string | undefined {
  const prosody = readProsody(situation);
  if (prosody === undefined || 'fault' in prosody) return undefined;
  const isStarted = prosody.hosts.some(
    ({ setting }) => (setting('external_auth_command') ?? setting('xtoken_command')) !== undefined,
  );
  const gid = isStarted ? findAccount(prosodyUser(prosody))?.gids[0] : undefined;
  return gid === undefined ? undefined : nameOfGroup(gid);
}
