import { resolve } from 'node:path';
import { codeIn, replaced } from '../../support/documents.js';
import { LPTY_FOLDER } from '../../support/prosody.js';
import { PROGRAM } from '../../support/xtokend.js';
import { CONFIGURATION } from '../logins.js';

/** A configuration of xtokend that goes with a time-out of 2 s. */
export const STOCK_CONFIGURATION: string = `answer_within = 1\n${CONFIGURATION}`;

/** What docs/prosody-stock-module.md tells people to copy, with a module that does what the stock one does. */
export function stockSettings(timeoutSeconds: number): string {
  const page = codeIn('docs/prosody-stock-module.md', 'lua');
  const program = replaced(page, '/usr/bin/xtokend', PROGRAM);
  const module = replaced(program, 'external_insecure', 'stock');
  const settings = replaced(module, 'timeout = 5', `timeout = ${timeoutSeconds}`);
  return `plugin_paths = { "${resolve('test/servers/stock')}" }\n${settings}`;
}

/** @param config where {@link STOCK_CONFIGURATION} lies */
export function stockEnvironment(config: string): NodeJS.ProcessEnv {
  return { LUA_CPATH: `${LPTY_FOLDER}/?.so;;`, XTOKEND_CONFIG: config };
}
