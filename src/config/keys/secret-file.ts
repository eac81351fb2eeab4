import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { explainReadError, readTextFile } from '../../system/read-file.js';

/** The directories that file names in settings are relative to. */
export interface SecretFilePlaces {
  /** The path of the configuration: other paths are relative to its directory. */
  readonly configurationFile: string;
  /** `$CREDENTIALS_DIRECTORY` (systemd.exec(5), `LoadCredential=`), if it is set: bare names are looked up there first. */
  readonly credentialsDirectory: string | undefined;
}

/** A secret and its file. */
export interface SecretFile {
  readonly path: string;
  readonly text: string;
}

/**
 * Reads the file that a setting such as `otp_seed_file` names, without one newline at its end.
 *
 * @throws {Error} with a message for people that does not repeat `value`, if the file cannot be read
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

// Does not repeat the name: somebody may have pasted the secret instead.
function describe(value: string, { credentialsDirectory, configurationFile }: SecretFilePlaces): string {
  if (value.startsWith('/')) return 'the file that it names';
  const directory = dirname(resolve(configurationFile));
  return credentialsDirectory === undefined || value.includes('/')
    ? `the file of that name in ${directory}`
    : `the file of that name in ${credentialsDirectory} ($CREDENTIALS_DIRECTORY) or ${directory}`;
}
