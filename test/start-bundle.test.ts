import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory, temporaryFile } from './support/directory.js';
import { SECRETS } from './support/keys.js';
import { PROGRAM } from './support/xtokend.js';

/** Most of what is loaded is in the second. */
const LOADED = ['dist/main.cjs', 'dist/serve.cjs'];
/** The measured size and a tenth more. */
const MAX_BYTES = 360_000;

/** Returns the packages in a bundle, from the comments that esbuild writes above each module. */
function packagesIn(file: string): string[] {
  const paths = readFileSync(file, 'utf8').matchAll(/^\s*\/\/ (?:.*\/)?node_modules\/((?:@[^/]+\/)?[^/]+)/gm);
  return [...new Set([...paths].map(([, name]) => name ?? ''))].sort();
}

/** Returns the files in dist/ that Node loads to answer one request, according to its coverage report. */
function loadedFor(configuration: string): string[] {
  const coverage = temporaryDirectory();
  const answer = execFileSync(PROGRAM, {
    input: 'isuser:alice:example.com\n',
    env: { ...process.env, NODE_V8_COVERAGE: coverage, XTOKEND_CONFIG: temporaryFile(configuration) },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  expect(answer.toString()).toBe('1\n');
  const urls = readdirSync(coverage)
    .map((name) => JSON.parse(readFileSync(join(coverage, name), 'utf8')) as { result: { url: string }[] })
    .flatMap(({ result }) => result.map(({ url }) => url));
  return urls
    .filter((url) => url.includes('/dist/'))
    .map((url) => basename(url))
    .sort();
}

const IN_MEMORY = '[replay]\nstore = "memory"\n';

describe('the bundle that xtokend loads without arguments', () => {
  it('contains only the packages that every start needs', () => {
    expect(LOADED.flatMap(packagesIn)).toEqual(['leven', 'otpauth', 'smol-toml', 'zod']);
  });

  it('contains of zod only zod/mini and the core', () => {
    const texts = LOADED.map((file) => readFileSync(file, 'utf8')).join('');
    const parts = texts.matchAll(/^\s*\/\/ (?:.*\/)?node_modules\/zod\/v4\/(\w+)\//gm);
    expect([...new Set([...parts].map(([, part]) => part))].sort()).toEqual(['core', 'mini']);
  });

  it('stays under its maximum size', () => {
    const sizes = LOADED.map((file) => statSync(file).size);
    expect(sizes.reduce((sum, size) => sum + size)).toBeLessThan(MAX_BYTES);
  });

  it('loads nothing else to answer a request', () => {
    expect(loadedFor(`${SECRETS}${IN_MEMORY}`)).toEqual(['main.cjs', 'serve.cjs', 'xtokend.cjs']);
  });

  it('loads Luxon if a key has a date', () => {
    const key = `[[keys]]\nid = "next"\n${SECRETS}not_after = 2099-01-01T00:00:00Z\n`;
    expect(loadedFor(`${key}${IN_MEMORY}`)).toContain('luxon.cjs');
  });

  it('loads the client of Prometheus if metrics are configured', () => {
    const socket = join(temporaryDirectory(), 'metrics.sock');
    expect(loadedFor(`${SECRETS}${IN_MEMORY}[metrics]\nlisten = "unix:${socket}"\n`)).toContain(
      'metrics.cjs',
    );
  });
});

describe('the files that are loaded lazily', () => {
  it('all exist', () => {
    const files = readdirSync('dist').filter((name) => name.endsWith('.cjs'));
    const required = files.flatMap((name) =>
      [...readFileSync(join('dist', name), 'utf8').matchAll(/require\("\.\/([\w-]+\.cjs)"\)/g)].map(
        ([, file]) => file,
      ),
    );
    const programs = ['xtokend.cjs', 'start-owner-job.cjs'];
    expect([...new Set(required)].sort()).toEqual(files.filter((name) => !programs.includes(name)).sort());
  });

  it('are the only ones that contain the large packages', () => {
    const holders = (name: string): string[] =>
      readdirSync('dist').filter(
        (file) => file.endsWith('.cjs') && packagesIn(join('dist', file)).includes(name),
      );
    expect(holders('prom-client')).toEqual(['metrics.cjs']);
    expect(holders('commander')).toEqual(['program.cjs']);
    expect(holders('yaml')).toEqual(['yaml.cjs']);
    expect(holders('ioredis')).toEqual(['redis-cache.cjs']);
  });
});
