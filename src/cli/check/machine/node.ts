import { execFile } from 'node:child_process';
import { accessSync, constants, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { isNewEnough, OLDEST_NODE } from '../../start/oldest-node.js';
import { findings, type Finding } from '../finding.js';
import type { Situation } from '../situation.js';

const { ok, warning, problem } = findings('program');

/** The PATH of a service (systemd.exec(5)). */
export const SERVICE_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const TIMEOUT_MILLISECONDS = 5000;

/**
 * Checks this Node.js, and the one that a service would find. They differ if a version manager has installed one in a home directory.
 *
 * @param path the PATH of the service
 */
export async function checkNode(
  { started }: Pick<Situation, 'started'>,
  path: string = SERVICE_PATH,
): Promise<Finding[]> {
  const who = started === undefined ? 'a service' : 'a service, such as Prosody,';
  const running = ok('node-ok', `Node.js ${process.versions.node} is supported`);
  const found = findNode(path);
  if (found === undefined) {
    const message = `${who} would find no node in ${path}; this one is ${process.execPath}`;
    const fix = `install Node.js ${OLDEST_NODE} or later for the whole machine, for example with its package manager`;
    return [running, warning('node-missing', message, fix)];
  }
  if (realpathSync(found) === realpathSync(process.execPath)) return [running];
  const { stdout } = await promisify(execFile)(found, ['--version'], { timeout: TIMEOUT_MILLISECONDS });
  const version = stdout.trim().replace(/^v/, '');
  if (isNewEnough(version)) return [running];
  const message = `${who} would run ${found}, which is Node.js ${version}; expected ${OLDEST_NODE} or later`;
  const fix = `replace it with a newer version, such as ${process.execPath}`;
  return [running, problem('node-old', message, fix)];
}

/** Finds the Node.js that a service would run, or Prosody, whose PATH is usually the same. */
export function findNode(path: string = SERVICE_PATH): string | undefined {
  return path
    .split(':')
    .map((directory) => join(directory, 'node'))
    .find(isExecutable);
}

function isExecutable(program: string): boolean {
  try {
    accessSync(program, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
