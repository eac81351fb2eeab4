import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { TestContext } from 'vitest';
import { codeIn, replaced } from '../../support/documents.js';
import { isInstalled, LPTY_DIRECTORY, type ProsodyRelease } from '../../support/servers/prosody.js';
import { requirePackage } from '../../support/run/requirements.js';
import { PROGRAM } from '../../support/xtokend.js';
import { CONFIGURATION } from '../logins.js';

/** A configuration of xtokend for a timeout of 2 s in Prosody. */
export const STOCK_CONFIGURATION: string = `answer_within = 1\n${CONFIGURATION}`;

/** Skips a test if the release of Prosody, or lpty for its Lua, is not installed. */
export function requireStockModule(context: TestContext, release: ProsodyRelease): void {
  requirePackage(context, isInstalled(release), release.name);
  requirePackage(context, existsSync(LPTY_DIRECTORY), 'lua-lpty for Lua 5.4 (scripts/test-servers)');
}

/** Returns the settings in docs/prosody-stock-module.md, with mod_auth_stock.lua instead of the stock module. */
export function stockSettings(timeoutSeconds: number): string {
  const page = codeIn('docs/prosody-stock-module.md', 'lua');
  const program = replaced(page, '/usr/bin/xtokend', PROGRAM);
  const module = replaced(program, 'external_insecure', 'stock');
  const settings = replaced(module, 'timeout = 5', `timeout = ${timeoutSeconds}`);
  return `plugin_paths = { "${resolve('test/servers/stock')}" }\n${settings}`;
}

/** Returns the environment of Prosody. @param config the path of a file with {@link STOCK_CONFIGURATION} */
export function stockEnvironment(config: string): NodeJS.ProcessEnv {
  return { LUA_CPATH: `${LPTY_DIRECTORY}/?.so;;`, XTOKEND_CONFIG: config };
}
