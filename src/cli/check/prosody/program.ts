import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const REPLY_DEADLINE_MILLISECONDS = 5000;
const MAX_SCRIPT_CHARACTERS = 10_000;

/** What can be told of Prosody by the script that starts it. */
export interface ProsodyProgram {
  /** The program that runs it, such as `lua5.4`. */
  readonly lua: string;
  /** Where its own modules are. */
  readonly modules: string;
}

/** Finds the Prosody that is installed. */
export function findProsodyProgram(env: NodeJS.ProcessEnv): ProsodyProgram | undefined {
  const directories = [...(env['PATH'] ?? '').split(':'), '/usr/bin', '/usr/local/bin'];
  const script = directories
    .map((directory) => readScript(join(directory, 'prosody')))
    .find((text) => text !== undefined);
  const [, lua] = /^#! *(?:\/usr\/bin\/env +)?(\S*lua\S*)/.exec(script ?? '') ?? [];
  if (script === undefined || lua === undefined) return undefined;
  const [, modules = '/usr/lib/prosody/modules'] = /^CFG_PLUGINDIR *= *['"]([^'"]+)/m.exec(script) ?? [];
  return { lua, modules };
}

// Of each pattern in package.cpath the file is looked for; nothing of it is loaded.
const FIND_LPTY = `
for pattern in package.cpath:gmatch("[^;]+") do
  local file = io.open((pattern:gsub("?", "lpty")));
  if file then print("found"); return end
end
print("none")`;

/** @returns whether a Lua finds lpty, or `undefined` where it cannot be asked */
export async function hasLpty(lua: string, env: NodeJS.ProcessEnv): Promise<boolean | undefined> {
  try {
    const { stdout } = await promisify(execFile)(lua, ['-e', FIND_LPTY], {
      env,
      timeout: REPLY_DEADLINE_MILLISECONDS,
    });
    return stdout.trim() === 'found';
  } catch {
    return undefined;
  }
}

function readScript(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').slice(0, MAX_SCRIPT_CHARACTERS);
  } catch {
    return undefined;
  }
}
