// Bundles the program and the library, so that they start quickly and need no other package.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { basename, resolve } from 'node:path';
import { build } from 'esbuild';

const { version } = JSON.parse(readFileSync('package.json', 'utf8'));

// A day, so that two builds of a day are alike; SOURCE_DATE_EPOCH makes those of two days so.
const DAY = 86_400_000;
const builtAt = Math.floor((Number(process.env.SOURCE_DATE_EPOCH ?? 0) * 1000 || Date.now()) / DAY) * DAY;

process.on('uncaughtException', ({ message, code }) => {
  const fix =
    code === undefined ? '' : '. See that this user may write there, and that there is space left (df)';
  console.error(`xtokend: cannot build ${process.cwd()}/dist: ${message}${fix}`);
  process.exit(1);
});

rmSync('dist', { recursive: true, force: true });
const common = {
  bundle: true,
  platform: 'node',
  target: 'node18.19',
  define: { XTOKEND_VERSION: JSON.stringify(version), XTOKEND_BUILT_AT: String(builtAt) },
  legalComments: 'none',
  // Nothing but our own code writes to stdout and stderr: a package would write there what a Redis server says, and under
  // Prosody's stock module both are read as answers. `debug` would print each command to Redis, the password included.
  drop: ['console'],
  alias: { debug: './scripts/no-debug.cjs' },
  metafile: true,
  logLevel: 'warning',
};
// Each import() in the code makes a file of its own in dist/, so a start loads only what it needs. As ES modules, or as one file,
// the program starts 15 ms later.
const entryPoints = new Map([['xtokend', resolve('src/cli/xtokend.ts')]]);
const programs = {
  ...common,
  format: 'cjs',
  outdir: 'dist',
  outExtension: { '.js': '.cjs' },
  // require() instead of import(), which takes longer.
  supported: { 'dynamic-import': false },
  plugins: [{ name: 'lazily-loaded-files', setup: splitAtDynamicImports }],
};
let inputs = {};
// Building one file can add others to the map, which are built in turn.
for (const [name, source] of entryPoints) {
  // Debian 11 and Ubuntu 22.04 have Node.js 12, which must be able to read the file that rejects it.
  const target = name === 'xtokend' ? 'node10' : common.target;
  const { metafile } = await build({ ...programs, target, entryPoints: { [name]: source } });
  inputs = { ...inputs, ...metafile.inputs };
}
const library = await build({
  ...common,
  format: 'esm',
  entryPoints: ['src/index.ts'],
  outfile: 'dist/index.js',
  // The tables of string preparation are CommonJS and ask for a module by require().
  banner: {
    js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
  },
});
writeFileSync('dist/THIRD-PARTY-LICENSES.txt', licencesOf({ ...inputs, ...library.metafile.inputs }));

function splitAtDynamicImports(build) {
  build.onResolve({ filter: /./ }, async ({ path, kind, importer, resolveDir, pluginData }) => {
    if (kind !== 'dynamic-import' || isBuiltin(path)) return undefined;
    const found = await build.resolve(path, { kind: 'import-statement', importer, resolveDir, pluginData });
    if (found.errors.length > 0) return found;
    const name = basename(path, '.js');
    const other = entryPoints.get(name) ?? found.path;
    if (other !== found.path)
      throw new Error(`rename ${found.path} or ${other}: both would be dist/${name}.cjs`);
    entryPoints.set(name, found.path);
    return { path: `./${name}.cjs`, external: true };
  });
}

/** The licences of the packages that ended up in the bundle ask to be passed on with it. */
function licencesOf(inputs) {
  const folders = Object.keys(inputs).map((path) => /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0]);
  return [...new Set(folders)]
    .filter((folder) => folder !== undefined)
    .sort()
    .map((folder) => `${folder.replace('node_modules/', '')}\n\n${licenceIn(folder)}\n`)
    .join('\n---\n\n');
}

function licenceIn(folder) {
  const name = readdirSync(folder).find((file) => /^licen[cs]e/i.test(file));
  if (name === undefined) throw new Error(`expected a licence file in ${folder}, found none`);
  return readFileSync(`${folder}/${name}`, 'utf8').trim();
}
