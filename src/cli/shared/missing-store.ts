import { dirname, join } from 'node:path';
import type { Configuration } from '../../config/configuration.js';
import { parseDocument } from '../../config/toml/parse.js';
import { normalizeHost } from '../../credential/jid/prepare.js';
import { readTextFile } from '../../system/read-file.js';

/**
 * Explains that a configuration names no file of app passwords, and what to add to it.
 *
 * @param host `undefined` for any host
 */
export async function explainMissing(
  host: string | undefined,
  { hosts, file }: Configuration,
): Promise<string> {
  const line = `store = "file:${join(dirname(file), 'app-passwords')}"`;
  // The document, because a second [passwords] would make the file invalid.
  const document = parseDocument(file, readTextFile(file));
  const isAtTop = document.passwords !== undefined;
  const isElsewhere = hosts.passwords.length > 0;
  let fix = `Add these lines to the end of ${file}:\n\n[passwords]\n${line}`;
  // A table of the host, which can be empty, replaces the one at the top.
  if (host !== undefined && (await hasOwnTable(host, document.hosts ?? {}))) {
    fix = `Add this line to the table [hosts."${host}".passwords] in ${file}:\n\n${line}`;
  } else if (isAtTop || (host === undefined && isElsewhere)) {
    fix = `Add this line to the table [passwords]${host === undefined ? '' : ` that applies to ${host}`} in ${file}:\n\n${line}`;
  } else if (isElsewhere) {
    fix = `Another host has passwords. Add these lines to the end of ${file}:\n\n[hosts."${host ?? ''}".passwords]\n${line}`;
  }
  return `expected a file of app passwords for ${host ?? 'any host'}, found none. ${fix}\n`;
}

async function hasOwnTable(
  host: string,
  tables: Readonly<Record<string, { readonly passwords?: object | undefined }>>,
): Promise<boolean> {
  for (const [name, { passwords }] of Object.entries(tables)) {
    if (passwords !== undefined && (await normalizeHost(name)) === host) return true;
  }
  return false;
}
