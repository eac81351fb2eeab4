import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

/** The directories of src/: each imports only from itself, from later ones, and from the files beside them. */
const ORDER = [
  ...['cli', 'daemon', 'metrics', 'server', 'log', 'config', 'authenticator', 'replay', 'passwords', 'users'],
  ...['protocol', 'credential', 'system'],
];
/** No directory has more files of its own: a reader sees them at a glance. */
const MAX_FILES = 13;

function filesBelow(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path).flatMap((name) => filesBelow(join(path, name)));
}

const files = filesBelow('src');

/** The files that a file imports, for their types as well. */
function importsOf(file: string): string[] {
  const specifiers = readFileSync(file, 'utf8').matchAll(/(?:from|import\() *'(\.[^']+)\.js'/g);
  return Array.from(specifiers, ([, path = '']) => `${join(dirname(file), path)}.ts`);
}

const rankOf = (file: string): number => {
  const [, directory = ''] = file.split('/');
  if (directory.endsWith('.ts')) return ORDER.length;
  const rank = ORDER.indexOf(directory);
  if (rank < 0) throw new Error(`expected src/${directory} in the order of directories`);
  return rank;
};

describe('src/', () => {
  it('imports in one direction only', () => {
    const upward = files
      .filter((file) => file !== 'src/index.ts')
      .flatMap((file) => importsOf(file).map((imported) => [file, imported] as const))
      .filter(([file, imported]) => rankOf(imported) < rankOf(file));
    expect(upward).toEqual([]);
  });

  it('has no import cycles', () => {
    const done = new Set<string>();
    const visit = (file: string, path: readonly string[]): void => {
      const at = path.indexOf(file);
      if (at >= 0) throw new Error(`found a cycle: ${[...path.slice(at), file].join(' → ')}`);
      if (done.has(file)) return;
      for (const imported of importsOf(file)) visit(imported, [...path, file]);
      done.add(file);
    };
    for (const file of files) visit(file, []);
    expect(done.size).toBeGreaterThanOrEqual(files.length);
  });

  it('never changes the user of the process, which Node.js of Debian 13 refuses', () => {
    const changing = files.filter((file) =>
      /\.(set(e?[ug]id|groups)|initgroups)\b/.test(readFileSync(file, 'utf8')),
    );
    expect(changing).toEqual([]);
  });

  it(`has at most ${String(MAX_FILES)} files in a directory`, () => {
    const counts = new Map<string, number>();
    for (const file of files) counts.set(dirname(file), (counts.get(dirname(file)) ?? 0) + 1);
    expect([...counts].filter(([, count]) => count > MAX_FILES)).toEqual([]);
  });
});
