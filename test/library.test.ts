import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from './support/directory.js';
import { NODE_VERSION } from './support/run/node.js';

const USE = `
  const secrets = { jid: normalizeJid('Alice@example.com'), otpSeed: generateSecret(), tokenSecret: generateSecret() };
  const token = mintToken(secrets);
  console.log(process.versions.node, verifyToken({ ...secrets, token }).accepted, verifyToken({ ...secrets, token: 'x' }).reason);`;
const NAMES = '{ mintToken, verifyToken, normalizeJid, generateSecret }';

describe('the library', () => {
  it.each([
    ['an ES module', 'application.mjs', `import ${NAMES} from 'xtokend';${USE}`],
    ['a CommonJS module', 'application.cjs', `import('xtokend').then((${NAMES}) => {${USE}});`],
  ])('mints and verifies in %s', (_, name, script) => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, 'node_modules/xtokend'), { recursive: true });
    for (const part of ['package.json', 'dist']) {
      cpSync(part, join(directory, 'node_modules/xtokend', part), { recursive: true });
    }
    writeFileSync(join(directory, name), script);
    const { status, stdout, stderr } = spawnSync('node', [name], { cwd: directory, encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toBe(`${NODE_VERSION} true malformed-token\n`);
  });
});
