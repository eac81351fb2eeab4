import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { attempt } from '../machine/access.js';
import { runProgram } from '../machine/run-program.js';

const MAX_SCRIPT_CHARACTERS = 10_000;

/** Settings from the script that starts Prosody. */
export interface ProsodyProgram {
  /** The program that runs it, such as `lua5.4`. */
  readonly lua: string;
  /** The directory of Prosody's own modules. */
  readonly modules: string;
  /** The directory of its data, unless `data_path` names another one; `undefined` if the script has none. */
  readonly data: string | undefined;
}

/** Finds the installed Prosody. */
export function findProsodyProgram(env: NodeJS.ProcessEnv): ProsodyProgram | undefined {
  const directories = [...(env['PATH'] ?? '').split(':'), '/usr/bin', '/usr/local/bin'];
  const script = directories
    .map((directory) => attempt(() => readFileSync(join(directory, 'prosody'), 'utf8')))
    .find((text) => text !== undefined)
    ?.slice(0, MAX_SCRIPT_CHARACTERS);
  const [, lua] = /^#! *(?:\/usr\/bin\/env +)?(\S*lua\S*)/.exec(script ?? '') ?? [];
  if (script === undefined || lua === undefined) return undefined;
  const modules = valueIn(script, 'CFG_PLUGINDIR') ?? '/usr/lib/prosody/modules';
  return { lua, modules, data: valueIn(script, 'CFG_DATADIR') };
}

function valueIn(script: string, name: string): string | undefined {
  return new RegExp(`^${name} *= *['"]([^'"]+)`, 'm').exec(script)?.[1];
}

// Opens the file for each pattern in package.cpath, but doesn't load it.
const FIND_LPTY = `
for pattern in package.cpath:gmatch("[^;]+") do
  local file = io.open((pattern:gsub("?", "lpty")));
  if file then print("found"); return end
end
print("none")`;

/** Returns whether a Lua finds lpty; `undefined` if the Lua cannot be run. */
export async function hasLpty(lua: string, env: NodeJS.ProcessEnv): Promise<boolean | undefined> {
  const output = await runProgram(lua, ['-e', FIND_LPTY], { env });
  return output === undefined ? undefined : output.trim() === 'found';
}
