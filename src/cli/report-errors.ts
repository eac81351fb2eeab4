import { XtokendError } from '../errors.js';

/** Not 1: that is "refused" to `verify` and "not fit to run" to `check`. */
const EXIT_COULD_NOT = 2;

/** Does some work for a person; what keeps it from being done is said on stderr, and in the exit code. */
export async function reportErrors(work: () => Promise<void>): Promise<void> {
  // A reader that has seen enough, such as `head`, is no fault.
  process.stdout.on('error', () => {
    process.exit();
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
  process.stderr.write(`xtokend: ${textOf(error)}\n`);
  return EXIT_COULD_NOT;
}

/** What nobody expected is a fault of ours: the stack says where. */
function textOf(error: unknown): string {
  if (error instanceof XtokendError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
