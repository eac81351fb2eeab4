import { readFileSync } from 'node:fs';
import path from 'node:path';
import { compileFunction } from 'node:vm';
import { build, type Plugin } from 'esbuild';
import type { JournalReplayCache } from '../../../../src/replay/journal/journal-cache.js';
import { fileSystemModule, UID, type Caller } from './system-calls.js';

const REPOSITORY = path.join(import.meta.dirname, '../../../..');

/** A change of the production code: a seeded fault. */
export interface Patch {
  /** A path from the root of the repository on. */
  readonly file: string;
  /** Must occur exactly once. */
  readonly from: string;
  readonly to: string;
}

/** The production code. One process after the other runs it. */
export interface Program {
  readonly JournalReplayCache: typeof JournalReplayCache;
  /** The process that runs. */
  caller: Caller | undefined;
}

/** What is not part of the protocol. */
const STAND_INS: Readonly<Record<string, string>> = {
  'src/system/trusted-path.ts': 'export const findExposure = () => undefined;',
  'src/system/file-systems.ts':
    'export const fileSystemOf = () => ({ name: "model", appends: "atomic" }); export const appendsInOrder = () => true;',
};

/** Bundles the production code, so that it can be loaded with another `node:fs`. */
export async function bundle(patches: readonly Patch[] = []): Promise<Program> {
  const { outputFiles } = await build({
    entryPoints: [path.join(REPOSITORY, 'src/replay/journal/journal-cache.ts')],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'cjs',
    target: 'es2022',
    external: ['otpauth'],
    plugins: [replacing(patches)],
  });
  const code = outputFiles[0]?.text ?? '';
  const load = compileFunction(code, ['require', 'process', 'setImmediate', 'module']) as (
    ...environment: unknown[]
  ) => void;
  const module = { exports: {} as Pick<Program, 'JournalReplayCache'> };
  const caller = (): Caller => {
    if (program.caller === undefined) throw new Error('no process runs');
    return program.caller;
  };
  const modules: Readonly<Record<string, unknown>> = {
    'node:fs': fileSystemModule(caller),
    'node:crypto': {
      randomUUID: () => caller().random(36),
      randomBytes: (length: number) => Buffer.from(caller().random(length), 'latin1'),
    },
    'node:path': path,
  };
  load(
    (name: string) => modules[name],
    { getuid: () => UID },
    (callback: () => void) => caller().immediates.push(callback),
    module,
  );
  const program: Program = { ...module.exports, caller: undefined };
  return program;
}

function replacing(patches: readonly Patch[]): Plugin {
  return {
    name: 'model',
    setup: (builder) => {
      builder.onLoad({ filter: /\/src\/.*\.ts$/ }, ({ path: source }) => {
        const file = path.relative(REPOSITORY, source);
        const contents =
          STAND_INS[file] ??
          patched(
            source,
            patches.filter((patch) => patch.file === file),
          );
        return { contents, loader: 'ts' };
      });
    },
  };
}

function patched(source: string, patches: readonly Patch[]): string {
  let text = readFileSync(source, 'utf8');
  for (const { from, to } of patches) {
    const parts = text.split(from);
    if (parts.length !== 2)
      throw new Error(`${source}: expected once, found ${parts.length - 1} times: ${from}`);
    text = parts.join(to);
  }
  return text;
}
