import { closeInheritedDescriptors } from './inherited-descriptors.js';
import { reportErrors } from './report-errors.js';
import { holdSignals } from '../serve/signals.js';

/** Set by the build to the version in package.json. */
declare const XTOKEND_VERSION: string;

closeInheritedDescriptors(process.env);
holdSignals();

// Prosody gives no arguments and blocks until the first answer; parsing a command line would take 15 ms more.
if (process.argv.length <= 2) {
  void reportErrors(async () =>
    (await import('../serve/serve.js')).serve({ protocol: 'auto' }, XTOKEND_VERSION),
  );
} else {
  void import('./program.js').then(({ runProgram }) => runProgram(process.argv, XTOKEND_VERSION));
}
