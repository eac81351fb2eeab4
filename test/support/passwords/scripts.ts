import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Answers in the generic protocol from a file with one `USER:HOST:PASSWORD` on each line. Passes no password as an argument. */
const CHECK = `
while IFS= read -r line; do
  answer=0
  while IFS= read -r known; do
    case $line in "auth:$known" | "isuser:\${known%:*}") answer=1 ;; esac
  done <"$1"
  echo $answer
done`;

/** Reads a request, and never answers. */
const HUNG = 'read -r line\nexec sleep 1000';

/** Ends without an answer. */
const BROKEN = 'read -r line\nexit 1';

/** The scripts that check passwords in tests. */
export interface PasswordScripts {
  /** The setting `command` with a script that knows some logins, each as `USER:HOST:PASSWORD`. */
  readonly check: (name: string, logins: readonly string[]) => string;
  /** The setting `command` with a script that never answers. */
  readonly hung: string;
  /** The setting `command` with a script that ends without an answer. */
  readonly broken: string;
}

/** Writes the scripts to a directory. */
export function writeScripts(directory: string): PasswordScripts {
  const write = (name: string, text: string): string => {
    const path = join(directory, name);
    writeFileSync(path, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    return path;
  };
  const checkScript = write('check', CHECK);
  return {
    check: (name, logins) => {
      const file = join(directory, name);
      writeFileSync(file, logins.map((login) => `${login}\n`).join(''), { mode: 0o600 });
      return `command = ["${checkScript}", "${file}"]`;
    },
    hung: `command = ["${write('hung', HUNG)}"]`,
    broken: `command = ["${write('broken', BROKEN)}"]`,
  };
}
