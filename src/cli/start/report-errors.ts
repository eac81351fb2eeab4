import { messageOf } from '../../errors.js';
import { reportState } from '../serve/parent.js';
import { withoutSecrets } from '../../system/known-secrets.js';
import { withoutTokens } from './without-tokens.js';

/** Not 1, which means "refused" in `verify` and "problems found" in `check`. */
const EXIT_COULD_NOT = 2;

/** Runs a command, and reports an error on stderr and in the exit code. */
export async function reportErrors(work: () => Promise<void>): Promise<void> {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // A reader that has ended, such as `head`, is no error; a full disk is.
    process.exit(error.code === 'EPIPE' ? process.exitCode : report(error));
  });
  try {
    await work();
  } catch (error) {
    process.exitCode = report(error);
  }
}

function report(error: unknown): number {
  // It can show the message to an administrator who doesn't see this program's stderr.
  if (process.argv.includes('--until-stdin-ends')) reportState('error', messageOf(error));
  // Commander has already printed its message, and --help is no error.
  if (error instanceof Error && 'exitCode' in error) return error.exitCode === 0 ? 0 : EXIT_COULD_NOT;
  process.stderr.write(`xtokend: ${withoutTokens(withoutSecrets(textOf(error)), process.argv)}\n`);
  return EXIT_COULD_NOT;
}

/** Returns the text of an error for people. An unexpected error is a bug, so its text includes the stack. */
export function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return isForPeople(error) ? error.message : (error.stack ?? error.message);
}

/** Each command is a bundle with its own class XtokendError; they share only a code in lower case. */
function isForPeople(error: Error): boolean {
  return 'code' in error && /^[a-z-]+$/.test(String(error.code));
}
