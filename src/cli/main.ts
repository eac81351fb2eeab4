import { reportErrors } from './report-errors.js';
import { serve } from './serve/serve.js';
import { holdSignals } from './serve/signals.js';

/** Set by the build to the version in package.json. */
declare const XTOKEND_VERSION: string;

holdSignals();

// Prosody gives no arguments and does nothing else until we answer: reading a command line would cost it 15 ms.
if (process.argv.length <= 2) {
  void reportErrors(() => serve({ protocol: 'generic' }, XTOKEND_VERSION));
} else {
  void import('./program.js').then(({ runProgram }) => runProgram(process.argv, XTOKEND_VERSION, serve));
}
