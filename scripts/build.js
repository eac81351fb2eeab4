// Bundles the program and the library, so that they start quickly and need no other package.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
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
// What Prosody starts is one small CommonJS file; the command line is another, each command, the client of Redis, and
// that of Prometheus. As ES modules, or as one file, they start 15 ms later.
const commands = {
  init: 'src/cli/init.ts',
  mint: 'src/cli/mint.ts',
  verify: 'src/cli/verify/verify.ts',
  keygen: 'src/cli/keygen.ts',
  check: 'src/cli/check/check.ts',
  reload: 'src/cli/reload.ts',
};
const programs = {
  ...common,
  format: 'cjs',
  outdir: 'dist',
  outExtension: { '.js': '.cjs' },
  // require() instead of import(), which takes longer.
  supported: { 'dynamic-import': false },
  plugins: [{ name: 'files-of-their-own', setup: keepApart }],
};
// Debian 11 and Ubuntu 22.04 have Node.js 12, which is to say that it is too old.
await build({ ...programs, target: 'node10', entryPoints: { xtokend: 'src/cli/xtokend.ts' } });
const program = await build({
  ...programs,
  entryPoints: {
    main: 'src/cli/main.ts',
    program: 'src/cli/program.ts',
    ...commands,
    'redis-cache': 'src/replay/redis/redis-cache.ts',
    metrics: 'src/metrics/metrics.ts',
  },
});
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
writeFileSync(
  'dist/THIRD-PARTY-LICENSES.txt',
  licencesOf({ ...program.metafile.inputs, ...library.metafile.inputs }),
);

function keepApart(build) {
  const filter = new RegExp(`/(main|program|redis-cache|metrics|${Object.keys(commands).join('|')})\\.js$`);
  build.onResolve({ filter }, ({ path, kind }) =>
    kind === 'dynamic-import' ? { path: `./${basename(path, '.js')}.cjs`, external: true } : undefined,
  );
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
