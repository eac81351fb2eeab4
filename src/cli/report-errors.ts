import { withoutSecrets } from '../log/known-secrets.js';

/** Not 1: that is "refused" to `verify` and "not fit to run" to `check`. */
const EXIT_COULD_NOT = 2;

/** Does some work for a person; what keeps it from being done is said on stderr, and in the exit code. */
export async function reportErrors(work: () => Promise<void>): Promise<void> {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // A reader that has seen enough, such as `head`, is no fault; a full disk is.
    process.exit(error.code === 'EPIPE' ? process.exitCode : report(error));
  });
  try {
    await work();
  } catch (error) {
    process.exitCode = report(error);
  }
}

function report(error: unknown): number {
  // Commander has already said what it had to say, and --help is no error.
  if (error instanceof Error && 'exitCode' in error) return error.exitCode === 0 ? 0 : EXIT_COULD_NOT;
  process.stderr.write(`xtokend: ${withoutSecrets(textOf(error))}\n`);
  return EXIT_COULD_NOT;
}

/** What nobody expected is a fault of ours: the stack says where. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return isForPeople(error) ? error.message : (error.stack ?? error.message);
}

/** Each command is a bundle with a class XtokendError of its own; a code in small letters is what they share. */
function isForPeople(error: Error): boolean {
  return 'code' in error && /^[a-z-]+$/.test(String(error.code));
}
