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

/** Runs a script of an application that has installed the package. */
function outputOf(name: string, script: string): string {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, 'node_modules/xtokend'), { recursive: true });
  for (const part of ['package.json', 'dist']) {
    cpSync(part, join(directory, 'node_modules/xtokend', part), { recursive: true });
  }
  writeFileSync(join(directory, name), script);
  const { status, stdout, stderr } = spawnSync('node', [name], { cwd: directory, encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout;
}

describe('the library', () => {
  it.each([
    ['an ES module', 'application.mjs', `import ${NAMES} from 'xtokend';${USE}`],
    ['a CommonJS module', 'application.cjs', `import('xtokend').then((${NAMES}) => {${USE}});`],
  ])('mints and verifies in %s', (_, name, script) => {
    expect(outputOf(name, script)).toBe(`${NODE_VERSION} true malformed-token\n`);
  });

  it('creates, lists and removes app passwords, and loads the lock only for that', () => {
    const script = `
      const signals = () => ['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => process.listenerCount(signal)).join('');
      const close = (await import('node:fs')).default.close;
      const { createAppPassword, listAppPasswords, removeAppPassword, XtokendError } = await import('xtokend');
      const file = 'app-passwords';
      const show = (...values) => console.log(JSON.stringify(values));
      show(signals(), await listAppPasswords({ file }), await removeAppPassword({ file, jid: 'a@b.example', label: 'x' }), signals());
      const { password, ...created } = await createAppPassword({ file, jid: 'Alice@Example.com', label: 'phone' });
      show(password.length, created.created instanceof Date, created.jid, created.label);
      show(JSON.stringify(await listAppPasswords({ file, jid: 'ALICE@example.com' })) === JSON.stringify([created]));
      const chosen = await createAppPassword({ file, jid: 'bob@example.com', label: 'phone', password: 'a chosen password' });
      show(chosen.password, (await listAppPasswords({ file })).length);
      const codes = [];
      for (const wrong of [{ label: '' }, { password: 'short' }, { label: 'phone' }, { jid: 'x' }, { file: 'no/such' }]) {
        const options = { file, jid: 'bob@example.com', label: 'other', ...wrong };
        await createAppPassword(options).catch((error) => codes.push([error.code, error instanceof XtokendError]));
      }
      show(...codes);
      for (const call of [createAppPassword, listAppPasswords]) await call({ jid: 'alice@example.com' }).catch(({ message }) => show(message));
      for (const call of [createAppPassword, removeAppPassword]) await call({ file, jid: 'alice@example.com' }).catch(({ message }) => show(message));
      show(await removeAppPassword({ file, jid: 'alice@example.com', label: 'phone' }), await removeAppPassword({ file, jid: 'alice@example.com', label: 'phone' }));
      show((await import('node:fs')).default.close === close);`;
    expect(outputOf('application.mjs', script).trim().split('\n')).toEqual([
      '["000",[],false,"000"]',
      '[24,true,"alice@example.com","phone"]',
      '[true]',
      '["a chosen password",2]',
      '[["invalid-app-password",true],["invalid-app-password",true],["duplicate-label",true],["invalid-jid",true],["app-passwords-unavailable",true]]',
      '["file: expected a string, found undefined"]',
      '["file: expected a string, found undefined"]',
      '["label: expected a string, found undefined"]',
      '["label: expected a string, found undefined"]',
      '[true,false]',
      '[true]',
    ]);
  });
});
