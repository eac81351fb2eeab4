import { appendFileSync, existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The environment variable with the directory that collects the logs of a test run; support/run/machine.ts creates it. */
export const COLLECTED_LOGS_VARIABLE = 'XTOKEND_COLLECTED_LOGS';

/** Matches files of the project, which contain made-up secrets. */
const IS_SOURCE = /^(?:node_modules|\.git)$|\.(?:[cm]?[jt]s|md|map|json)$/;
const MAX_FILE_BYTES = 64 * 1024 * 1024;

/** Keeps a log of xtokend for the search after all tests. */
export function collectLog(text: string | Buffer): void {
  const directory = process.env[COLLECTED_LOGS_VARIABLE];
  if (directory !== undefined) appendFileSync(join(directory, `${process.pid}.log`), text);
}

/** Keeps the files below a directory whose names contain "log". */
export function collectLogsIn(directory: string): void {
  if (!existsSync(directory)) return;
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    // Do not follow links, since some tests link to /proc.
    if (entry.isDirectory() && !IS_SOURCE.test(entry.name)) collectLogsIn(path);
    // Reading a FIFO would block.
    else if (
      entry.isFile() &&
      /log/i.test(entry.name) &&
      !IS_SOURCE.test(entry.name) &&
      lstatSync(path).size <= MAX_FILE_BYTES
    )
      collectLog(Buffer.concat([Buffer.from(`\nIn ${path}:\n`), readFileSync(path)]));
  }
}

/** Keeps the data of a stream without starting its flow, which is up to the test. */
export function collectLogFrom(stream: NodeJS.ReadableStream): void {
  const emit = stream.emit.bind(stream);
  stream.emit = (event, ...args: unknown[]) => {
    if (event === 'data') collectLog(args[0] as Buffer);
    return emit(event, ...args);
  };
}
