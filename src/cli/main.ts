import { isNewEnough, OLDEST_NODE } from './oldest-node.js';
import { reportErrors } from './report-errors.js';
import { serve } from './serve.js';
import { holdSignals } from './signals.js';

/** Set by the build to the version in package.json. */
declare const XTOKEND_VERSION: string;

holdSignals();

if (!isNewEnough(process.versions.node)) {
  process.stderr.write(`xtokend: expected Node.js ${OLDEST_NODE} or later, found ${process.versions.node}\n`);
  process.exit(1);
}

// Prosody gives no arguments and does nothing else until we answer: reading a command line would cost it 15 ms.
if (process.argv.length <= 2) {
  void reportErrors(() => serve({ protocol: 'generic' }, XTOKEND_VERSION));
} else {
  void import('./program.js').then(({ runProgram }) => runProgram(process.argv, XTOKEND_VERSION, serve));
}
