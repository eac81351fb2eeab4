import { closeSync } from 'node:fs';

/** Set by bin/xtokend: ranges of numbers, such as `3-3 5-12`. */
const VARIABLE = 'XTOKEND_INHERITED_DESCRIPTORS';
const HIGHEST_DESCRIPTOR = 0x7fffffff;

/**
 * Closes the descriptors that the process that started this one did not close, and removes their list from the environment.
 * A client of a chat server whose socket stays open here never sees the end of its connection.
 *
 * Closes exactly the listed numbers, since others belong to Node. Node has none of these, because they were in use before it
 * started.
 *
 * @param environment is changed
 */
export function closeInheritedDescriptors(environment: NodeJS.ProcessEnv): void {
  const list = environment[VARIABLE] ?? '';
  Reflect.deleteProperty(environment, VARIABLE);
  for (const [, first, last] of list.matchAll(/(?<![\d-])(\d{1,10})-(\d{1,10})(?![\d-])/g)) {
    for (let number = Number(first); number <= Math.min(Number(last), HIGHEST_DESCRIPTOR); number += 1) {
      if (number > 2) close(number);
    }
  }
}

function close(number: number): void {
  try {
    closeSync(number);
  } catch {
    // close(2) frees the number even if it reports an error of the file.
  }
}
