import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

interface Component {
  readonly 'bom-ref': string;
  readonly type: string;
  readonly name: string;
  readonly version: string;
  readonly licenses: readonly { license: { id: string } }[];
  readonly purl: string;
  readonly hashes?: readonly { alg: string; content: string }[];
}

interface Bill {
  readonly metadata: { component: Component; timestamp?: string };
  readonly components: readonly Component[];
  readonly dependencies: readonly { ref: string; dependsOn: readonly string[] }[];
}

interface Locked {
  readonly version: string;
  readonly license: string;
}

const text = readFileSync('dist/sbom.cdx.json', 'utf8');
const bill = JSON.parse(text) as Bill;
const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: Record<string, Locked> };

/** Returns the source files of the bundle that belong to packages: esbuild writes their paths above their code. */
function bundledFiles(): string[] {
  const code = readdirSync('dist')
    .filter((name) => /\.c?js$/.test(name))
    .map((name) => readFileSync(join('dist', name), 'utf8'));
  return [...code.join('\n').matchAll(/^ *\/\/ (node_modules\/\S+)$/gm)].map(([, path]) => path ?? '');
}

function bundledDirectories(): string[] {
  const directories = bundledFiles().map((file) => /(.*\/)?node_modules\/(@[^/]+\/)?[^/]+/.exec(file)?.[0]);
  return [...new Set(directories)].map(String).sort();
}

/** Makes the bill of materials again. */
function billAt(epoch: string): string {
  const script = `
    import { billOfMaterials, bundledPackages } from '${process.cwd()}/scripts/sbom.js';
    process.stdout.write(billOfMaterials(bundledPackages(${JSON.stringify(bundledFiles())})));`;
  return execFileSync('node', ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    env: { ...process.env, SOURCE_DATE_EPOCH: epoch },
  });
}

describe('the bill of materials', () => {
  it('names the packages of the bundle, with the versions and licences in package-lock.json', () => {
    expect(bill.components.map(({ name, version, licenses }) => ({ name, version, licenses }))).toEqual(
      bundledDirectories().map((directory) => ({
        name: directory.replace(/.*node_modules\//, ''),
        version: lock.packages[directory]?.version,
        licenses: [{ license: { id: lock.packages[directory]?.license } }],
      })),
    );
    expect(bill.components.length).toBeGreaterThan(20);
  });

  it('describes xtokend as CycloneDX 1.5 wants it', () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(bill).toMatchObject({ bomFormat: 'CycloneDX', specVersion: '1.5', version: 1 });
    expect(bill.metadata.component).toEqual({
      type: 'application',
      'bom-ref': `xtokend@${version}`,
      name: 'xtokend',
      version,
      licenses: [{ license: { id: 'MIT' } }],
      purl: `pkg:npm/xtokend@${version}`,
    });
    for (const { type, name, version, purl, ...component } of bill.components) {
      expect(type).toBe('library');
      expect(component['bom-ref']).toBe(`${name}@${version}`);
      expect(purl).toBe(`pkg:npm/${name.replace('@', '%40')}@${version}`);
    }
  });

  it('connects every package with xtokend, and names no other package', () => {
    const dependencies = new Map(bill.dependencies.map(({ ref, dependsOn }) => [ref, dependsOn]));
    const reached = new Set([bill.metadata.component['bom-ref']]);
    for (const ref of reached) for (const other of dependencies.get(ref) ?? ['unlisted']) reached.add(other);
    const all = [bill.metadata.component, ...bill.components].map((component) => component['bom-ref']);
    expect([...reached].sort()).toEqual([...all].sort());
    expect([...dependencies.keys()]).toEqual(all);
    const redis = [...dependencies].find(([ref]) => ref.startsWith('ioredis@'))?.[1].join();
    expect(redis).toContain('redis-errors@');
  });

  it('is the same in every build, and names no server', () => {
    expect(billAt('')).toBe(billAt(''));
    expect(billAt('')).toBe(text.replace(/ *"timestamp": .*\n/, ''));
    const dated = JSON.parse(billAt('86400')) as Bill;
    expect(dated.metadata.timestamp).toBe('1970-01-02T00:00:00.000Z');
    expect(text.match(/https?:\/\/[^/"]*/g)).toEqual(['http://cyclonedx.org']);
  });

  it('says the same as npm', () => {
    const fromNpm = JSON.parse(
      execFileSync('npm', ['sbom', '--package-lock-only', '--sbom-format', 'cyclonedx'], {
        encoding: 'utf8',
        maxBuffer: 1e8,
      }),
    ) as Bill;
    for (const { 'bom-ref': ref, name, version, purl, licenses, hashes } of bill.components) {
      const component = fromNpm.components.find((found) => found['bom-ref'] === ref);
      expect(component).toMatchObject({ name, version, purl, licenses, hashes });
    }
  });
});
