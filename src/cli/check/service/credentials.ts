import { readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { codeOf } from '../../../errors.js';
import type { Finding } from '../finding.js';
import type { UnitSetting } from './settings.js';

/** Where systemd puts the credentials of the service while it runs. */
const DIRECTORY = '/run/credentials/xtokend.service';

/** A file that systemd copies for the service at its start (`LoadCredential=NAME:PATH`). */
export interface Credential {
  readonly name: string;
  readonly path: string;
}

/** @returns the files that the service gets as they are; encrypted ones only systemd can read */
export function readCredentials(settings: readonly UnitSetting[]): Credential[] {
  let credentials: Credential[] = [];
  for (const { name, value } of settings) {
    if (name !== 'LoadCredential') continue;
    const [credential = '', path = ''] = value.split(/:(.*)/);
    // An empty setting takes back those before it.
    if (value === '') credentials = [];
    else if (isAbsolute(path)) credentials.push({ name: credential, path });
  }
  return credentials;
}

/** Finds credentials that have changed since systemd copied them: a running service doesn't see that, even by a reload. */
export function checkCredentials(credentials: readonly Credential[]): Finding[] {
  return credentials.filter(hasChanged).map(({ name, path }) => ({
    level: 'warning',
    code: 'service-credential-old',
    subject: 'service',
    message: `the running service doesn't have ${path} as it is now: systemd copied the credential ${name} when the service started`,
    fix: 'systemctl restart xtokend; a reload is not enough',
  }));
}

function hasChanged({ name, path }: Credential): boolean {
  const source = contentOf(path);
  const copy = contentOf(join(DIRECTORY, name));
  if (source === undefined || source === 'missing' || copy === undefined) return false;
  return copy === 'missing' || !source.equals(copy);
}

/** @returns `undefined` if this user can't read it */
function contentOf(path: string): Buffer | 'missing' | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    return codeOf(error) === 'ENOENT' ? 'missing' : undefined;
  }
}
