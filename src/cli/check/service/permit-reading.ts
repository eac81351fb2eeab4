import { quoted } from '../../../quoted.js';
import type { Service } from './find-service.js';

/**
 * Says how to let the service, but not everybody, read a file with secrets.
 *
 * @returns `undefined` if the modes of the file can't do that
 */
export function permitReading(path: string, { account, group, credentials }: Service): string | undefined {
  const file = quoted(path);
  const isCopied = credentials.some((credential) => credential.path === path);
  if (isCopied || account.uid === 0) return `chown root ${file} && chmod 600 ${file}`;
  return group === undefined ? undefined : `chown root:${group} ${file} && chmod 640 ${file}`;
}

/** What to do if the user of the service is another one at each start. */
export const useCredentials =
  'this service has no user that files can be given to (DynamicUser=): keep the secrets in files of root alone, and name these in LoadCredential=, as in docs/systemd.md';
