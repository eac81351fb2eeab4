import { appendFileSync, existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Names the directory that everything goes to that was logged in a run of the tests; support/machine.ts makes it. */
export const COLLECTED_LOGS_VARIABLE = 'XTOKEND_COLLECTED_LOGS';

/** What stands in a clone of the project, made-up secrets and all. */
const IS_SOURCE = /^(?:node_modules|\.git)$|\.(?:[cm]?[jt]s|md|map|json)$/;
const MAX_FILE_BYTES = 64 * 1024 * 1024;

/** Remembers what an xtokend logged, for the search after all tests. */
export function collectLog(text: string | Buffer): void {
  const directory = process.env[COLLECTED_LOGS_VARIABLE];
  if (directory !== undefined) appendFileSync(join(directory, `${process.pid}.log`), text);
}

/** Remembers what stands in the files of a directory, and of those in it, that are named like logs. */
export function collectLogsIn(directory: string): void {
  if (!existsSync(directory)) return;
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    // Never through a link: some tests have one to /proc.
    if (entry.isDirectory() && !IS_SOURCE.test(entry.name)) collectLogsIn(path);
    // Not a FIFO, for one.
    else if (
      entry.isFile() &&
      /log/i.test(entry.name) &&
      !IS_SOURCE.test(entry.name) &&
      lstatSync(path).size <= MAX_FILE_BYTES
    )
      collectLog(Buffer.concat([Buffer.from(`\nIn ${path}:\n`), readFileSync(path)]));
  }
}

/** Remembers all that comes by a stream, without making it flow: that is for the test to say. */
export function collectLogFrom(stream: NodeJS.ReadableStream): void {
  const emit = stream.emit.bind(stream);
  stream.emit = (event, ...args: unknown[]) => {
    if (event === 'data') collectLog(args[0] as Buffer);
    return emit(event, ...args);
  };
}
