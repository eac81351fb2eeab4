import { isNewEnough, OLDEST_NODE } from './oldest-node.js';

// The build compiles this file for old releases of Node.js, which can't parse the rest.
if (isNewEnough(process.versions.node)) void import('./main.js');
else {
  process.stderr.write(`xtokend: expected Node.js ${OLDEST_NODE} or later, found ${process.versions.node}\n`);
  process.exitCode = 1;
}
