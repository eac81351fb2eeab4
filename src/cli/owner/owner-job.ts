import { addAppPassword, removeAppPasswords } from '../../passwords/app-passwords/manage.js';

/** A change to a file of app passwords, which another process can do: JSON can express it. */
export type OwnerJob =
  | {
      readonly kind: 'add';
      readonly file: string;
      readonly jid: string;
      readonly label: string;
      /** `undefined` for a random one. */
      readonly password?: string | undefined;
      /** The number of a group that may read the file if it is new. */
      readonly group?: number | undefined;
    }
  | {
      readonly kind: 'remove';
      readonly file: string;
      readonly jid: string;
      /** `undefined` for all of the user. */
      readonly label?: string | undefined;
    };

/**
 * Changes a file of app passwords.
 *
 * @returns the password that was added, or the labels of those that were removed
 * @throws what {@link addAppPassword} and {@link removeAppPasswords} throw
 */
export async function doOwnerJob(job: OwnerJob): Promise<readonly string[]> {
  if (job.kind === 'add') return [(await addAppPassword({ ...job, password: job.password })).password];
  return (await removeAppPasswords(job.file, job.jid, job.label)).map(({ label }) => label);
}
