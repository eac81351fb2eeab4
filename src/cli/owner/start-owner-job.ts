import { text } from 'node:stream/consumers';
import { doOwnerJob, type OwnerJob } from './owner-job.js';
import { textOf } from '../start/report-errors.js';

/** Runs in a process of its own, as the owner of the file. Returns what `asOwner` reads, as JSON, from stdout. */
async function startOwnerJob(): Promise<{ readonly texts: readonly string[] } | { readonly error: string }> {
  try {
    return { texts: await doOwnerJob(JSON.parse(await text(process.stdin)) as OwnerJob) };
  } catch (error) {
    return { error: textOf(error) };
  }
}

void startOwnerJob().then((result) => process.stdout.write(JSON.stringify(result)));
