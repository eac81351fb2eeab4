import { text } from 'node:stream/consumers';
import { doOwnerJob, type OwnerJob } from './owner-job.js';
import { textOf } from '../start/report-errors.js';

/** What a child process of `asOwner` writes to stdout, as JSON. */
export type OwnerJobResult = { readonly texts: readonly string[] } | { readonly error: string };

/** Runs in a process of its own, as the owner of the file. */
async function startOwnerJob(): Promise<OwnerJobResult> {
  try {
    return { texts: await doOwnerJob(JSON.parse(await text(process.stdin)) as OwnerJob) };
  } catch (error) {
    return { error: textOf(error) };
  }
}

void startOwnerJob().then((result) => process.stdout.write(JSON.stringify(result)));
