// Bundles the program and the library with their dependencies, so that they start faster.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { basename, resolve } from 'node:path';
import { build } from 'esbuild';
import { billOfMaterials, bundledPackages } from './sbom.js';

const { version } = JSON.parse(readFileSync('package.json', 'utf8'));

// Rounded to a day, so that builds of one day are identical. SOURCE_DATE_EPOCH makes builds of different days identical.
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
  // Packages must not write to stdout or stderr: Prosody's stock module reads both as answers, and errors of Redis can
  // contain the password. `debug` would print each command to Redis, including the password.
  drop: ['console'],
  // graceful-fs replaces functions of node:fs in the whole process, which can be an application.
  alias: { debug: './scripts/no-debug.cjs', 'graceful-fs': 'node:fs' },
  metafile: true,
  logLevel: 'warning',
};
// Each import() in the code becomes a separate file in dist/, so that the program loads only what it needs. As ES modules, or
// as one file, it takes 15 ms longer to start.
const entryPoints = new Map(
  ['start/xtokend', 'owner/start-owner-job'].map((path) => [basename(path), resolve(`src/cli/${path}.ts`)]),
);
const programs = {
  ...common,
  format: 'cjs',
  outdir: 'dist',
  outExtension: { '.js': '.cjs' },
  // Uses require(), which is faster than import().
  supported: { 'dynamic-import': false },
  plugins: [{ name: 'lazily-loaded-files', setup: splitAtDynamicImports }],
};
let inputs = {};
// Building one file can add others to the map, which this loop also builds.
for (const [name, source] of entryPoints) {
  // Node.js 12 of Debian 11 and Ubuntu 22.04 must be able to parse the file that rejects it.
  const target = name === 'xtokend' ? 'node10' : common.target;
  const { metafile } = await build({ ...programs, target, entryPoints: { [name]: source } });
  inputs = { ...inputs, ...metafile.inputs };
}
const library = await build({
  ...common,
  format: 'esm',
  entryPoints: ['src/index.ts'],
  outfile: 'dist/index.js',
  // The stringprep tables are CommonJS and call require().
  banner: {
    js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
  },
});
const files = Object.keys({ ...inputs, ...library.metafile.inputs }).sort();
const packages = bundledPackages(files);
writeFileSync('dist/THIRD-PARTY-LICENSES.txt', licencesOf(packages, files));
writeFileSync('dist/sbom.cdx.json', billOfMaterials(packages));

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

/**
 * Returns the licences that must be distributed with the bundle: those of its packages, and notices in single files.
 * scripts/debian-copyright.js parses this.
 */
function licencesOf(packages, files) {
  const sections = packages.flatMap(({ directory, name, version }) => {
    const licence = licenceIn(directory);
    const notices = files
      .filter((file) => file.startsWith(`${directory}/`) && !file.startsWith(`${directory}/node_modules/`))
      .map((file) => [`, ${file.slice(directory.length + 1)}`, noticeIn(file, licence)]);
    return [['', licence], ...notices]
      .filter(([, text]) => text !== undefined)
      .map(([file, text]) => `${name} ${version}${file}\n\n${text}\n`);
  });
  return sections.join('\n---\n\n');
}

function licenceIn(directory) {
  const name = readdirSync(directory).find((file) => /^licen[cs]e/i.test(file));
  if (name === undefined) throw new Error(`expected a licence file in ${directory}, found none`);
  return readFileSync(`${directory}/${name}`, 'utf8').trim();
}

/** Returns the comment of a file that names copyright holders, unless the licence of the package names them. */
function noticeIn(file, licence) {
  const comments = readFileSync(file, 'utf8').match(/\/\*[^]*?\*\//g) ?? [];
  const notice = comments
    .map((comment) => comment.replace(/^ ?\/?\*+[ /]?/gm, '').trim())
    .find((comment) => /^Copyright /m.test(comment));
  const holders = notice?.match(/^Copyright .*$/gm) ?? [];
  return holders.every((holder) => licence.includes(holder)) ? undefined : notice;
}
