import { dirname } from 'node:path';
import { codeOf, messageOf } from '../../errors.js';
import { explainReadError } from '../../system/read-file.js';

/** Explains why a person's command could not read a file, and what to do. */
export function explainUnreadable(error: unknown): string {
  return `${explainReadError(error)}${codeOf(error) === 'EACCES' ? '. Run this as root' : ''}`;
}

/** Explains why a file could not be written, and what to do. */
export function explainWriteError(path: string, error: unknown): string {
  const directory = dirname(path);
  switch (codeOf(error)) {
    case 'EACCES':
    case 'EPERM':
      return `uid ${String(process.geteuid?.())} may not write to ${directory}, which is needed to replace the file. Run this as its owner`;
    case 'EROFS':
      return `the file system of ${directory} is read-only. Mount it writable, or keep the file elsewhere`;
    case 'ENOSPC':
    case 'EDQUOT':
      return 'the disk is full. The file was not changed. Free some space, and try again';
    case 'ENOENT':
    case 'ENOTDIR':
      return `there is no directory ${directory}. Create it`;
    case undefined:
      return messageOf(error);
    default:
      return `it can't be written (${String(codeOf(error))}). The file was not changed`;
  }
}
