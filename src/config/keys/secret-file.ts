import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { explainReadError, readTextFile } from '../read-file.js';

/** Where the files that settings name are looked for. */
export interface SecretFilePlaces {
  /** The configuration file: other paths are relative to its directory. */
  readonly configurationFile: string;
  /** `$CREDENTIALS_DIRECTORY` (systemd.exec(5), `LoadCredential=`), where systemd sets it: bare names are there. */
  readonly credentialsDirectory: string | undefined;
}

/** A secret, and the file that it came from. */
export interface SecretFile {
  readonly path: string;
  readonly text: string;
}

/**
 * Reads the file that a setting such as `otp_seed_file` names. One newline at its end does not belong to the secret.
 *
 * @throws {Error} that says why not
 */
export function readSecretFile(value: string, places: SecretFilePlaces): SecretFile {
  const path = secretFilePath(value, places);
  try {
    return { path, text: readTextFile(path).replace(/\r?\n$/, '') };
  } catch (error) {
    throw new Error(`${describe(value, places)}: ${explainReadError(error)}`, { cause: error });
  }
}

function secretFilePath(
  value: string,
  { credentialsDirectory, configurationFile }: SecretFilePlaces,
): string {
  if (credentialsDirectory !== undefined && !value.includes('/')) {
    const credential = join(credentialsDirectory, value);
    if (existsSync(credential)) return credential;
  }
  return resolve(dirname(configurationFile), value);
}

// The name itself is not repeated: somebody may have pasted the secret in its place.
function describe(value: string, { credentialsDirectory, configurationFile }: SecretFilePlaces): string {
  if (value.startsWith('/')) return 'the file that it names';
  const directory = dirname(resolve(configurationFile));
  return credentialsDirectory === undefined || value.includes('/')
    ? `the file of that name in ${directory}`
    : `the file of that name in ${credentialsDirectory} ($CREDENTIALS_DIRECTORY) or ${directory}`;
}
