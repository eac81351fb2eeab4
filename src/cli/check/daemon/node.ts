import { execFile } from 'node:child_process';
import { accessSync, constants, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { isNewEnough, OLDEST_NODE } from '../../oldest-node.js';
import type { Finding } from '../finding.js';

/** The PATH of a service (systemd.exec(5)). */
export const SERVICE_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const REPLY_DEADLINE_MILLISECONDS = 5000;

/**
 * Looks at Node.js: this one, and the one that a service would find. They differ where a version manager has put one into
 * somebody's home.
 *
 * @param path where a service looks
 */
export async function checkNode(_situation: unknown, path: string = SERVICE_PATH): Promise<Finding[]> {
  const running: Finding = {
    level: 'ok',
    code: 'node-ok',
    subject: 'program',
    message: `Node.js ${process.versions.node} is new enough`,
  };
  const found = path
    .split(':')
    .map(nodeIn)
    .find((program) => program !== undefined);
  if (found === undefined) return [running, missing(path)];
  if (realpathSync(found) === realpathSync(process.execPath)) return [running];
  const version = await versionOf(found);
  return isNewEnough(version) ? [running] : [running, old(found, version)];
}

function nodeIn(directory: string): string | undefined {
  const program = join(directory, 'node');
  try {
    accessSync(program, constants.X_OK);
    return program;
  } catch {
    return undefined;
  }
}

/** @returns such as `20.11.1`, or what is there instead */
async function versionOf(program: string): Promise<string> {
  const { stdout } = await promisify(execFile)(program, ['--version'], {
    timeout: REPLY_DEADLINE_MILLISECONDS,
  });
  return stdout.trim().replace(/^v/, '');
}

function missing(path: string): Finding {
  return {
    level: 'warning',
    code: 'node-missing',
    subject: 'program',
    message: `a service would find no node in ${path}; this one is ${process.execPath}`,
    fix: `install Node.js ${OLDEST_NODE} or later for the whole machine, such as by its package manager`,
  };
}

function old(program: string, version: string): Finding {
  return {
    level: 'problem',
    code: 'node-old',
    subject: 'program',
    message: `a service would run ${program}, which is Node.js ${version}; expected ${OLDEST_NODE} or later`,
    fix: `replace it by a newer one, or take it out of the way of ${process.execPath}`,
  };
}
