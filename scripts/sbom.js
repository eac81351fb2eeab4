// Makes the bill of materials of the bundle (CycloneDX), which scripts/build.js writes to dist/sbom.cdx.json.
//
// It has no serial number, and a time only if SOURCE_DATE_EPOCH is set, so that builds of one commit are identical. It is made
// from package-lock.json: `npm sbom` lists the development tools too, and npm 9 of Debian 12 and 13 lacks that command.
import { readFileSync } from 'node:fs';

const ROOT = '';
const { packages: locked } = JSON.parse(readFileSync('package-lock.json', 'utf8'));

/**
 * Returns the packages of the bundle, sorted by directory.
 *
 * @param {Iterable<string>} files The source files of the bundle, relative to the directory of the repository.
 * @returns {{ directory: string, name: string, version: string, license: string, integrity: string }[]}
 */
export function bundledPackages(files) {
  const directories = [...files].map((file) => /^(.*\/)?node_modules\/(@[^/]+\/)?[^/]+/.exec(file)?.[0]);
  return [...new Set(directories)]
    .filter((directory) => directory !== undefined)
    .sort()
    .map((directory) => ({ directory, name: nameOf(directory), ...locked[directory] }));
}

/** Returns the bill of materials, as JSON, of these packages in the bundle. */
export function billOfMaterials(packages) {
  const root = locked[ROOT];
  const directories = new Set(packages.map(({ directory }) => directory));
  const dependencies = [ROOT, ...directories].map((directory) => ({
    ref: referenceOf(directory),
    dependsOn: dependenciesOf(directory, directories).map(referenceOf).sort(),
  }));
  const epoch = process.env.SOURCE_DATE_EPOCH;
  const bill = {
    $schema: 'http://cyclonedx.org/schema/bom-1.5.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: {
      timestamp: epoch ? new Date(Number(epoch) * 1000).toISOString() : undefined,
      lifecycles: [{ phase: 'build' }],
      component: { type: 'application', ...componentOf(ROOT, root) },
    },
    components: packages.map(({ directory, ...found }) => ({
      type: 'library',
      ...componentOf(directory, found),
      hashes: [{ alg: 'SHA-512', content: hashOf(found) }],
    })),
    dependencies,
  };
  return `${JSON.stringify(bill, undefined, 2)}\n`;
}

function componentOf(directory, { version, license }) {
  const name = nameOf(directory);
  return {
    'bom-ref': referenceOf(directory),
    name,
    version,
    licenses: [/\s/.test(license) ? { expression: license } : { license: { id: license } }],
    purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
  };
}

function hashOf({ name, integrity }) {
  const [algorithm, base64] = integrity.split('-');
  if (algorithm !== 'sha512')
    throw new Error(`expected a SHA-512 of ${name} in package-lock.json, found ${integrity}`);
  return Buffer.from(base64, 'base64').toString('hex');
}

function nameOf(directory) {
  return directory === ROOT
    ? locked[ROOT].name
    : directory.slice(directory.lastIndexOf('node_modules/') + 13);
}

function referenceOf(directory) {
  return `${nameOf(directory)}@${locked[directory].version}`;
}

/** Returns the directories of the packages of the bundle that the package in a directory depends on. */
function dependenciesOf(directory, bundled) {
  const entry = locked[directory];
  // The bundle is part of xtokend, so that its packages are devDependencies.
  const direct = directory === ROOT ? entry.devDependencies : entry.dependencies;
  const names = Object.keys({ ...direct, ...entry.optionalDependencies, ...entry.peerDependencies });
  return names.map((name) => resolve(directory, name)).filter((found) => bundled.has(found));
}

/** Returns the directory that Node.js resolves a package name to, or `undefined`. */
function resolve(directory, name) {
  for (let from = directory; ; from = from.slice(0, Math.max(from.lastIndexOf('/node_modules/'), 0))) {
    const found = `${from === ROOT ? '' : `${from}/`}node_modules/${name}`;
    if (found in locked) return found;
    if (from === ROOT) return undefined;
  }
}
