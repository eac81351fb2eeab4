import { statSync } from 'node:fs';
import { isMissing } from '../../config/read-file.js';

/** Whether there is no such file. One in a directory that this user may not search can be there. */
export function isAbsent(path: string): boolean {
  try {
    statSync(path);
    return false;
  } catch (error) {
    return isMissing(error);
  }
}
