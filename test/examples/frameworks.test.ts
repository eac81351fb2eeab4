import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { installPackages } from '../browser/demo.js';
import { temporaryFile } from '../support/directory.js';
import { codeBelow } from '../support/documents.js';
import { SECRETS } from '../support/keys.js';
import { requirePackage } from '../support/run/requirements.js';
import { xtokend } from '../support/xtokend.js';
import { Application, frameworks } from './framework.js';
import { isInstalled } from './languages.js';

const PAGE = 'docs/frameworks.md';
const MAX_LINES = 15;
const TOKEN = /[0-9]{40}/;

/** Returns the snippet of a framework. */
function snippetOf(name: string): string {
  const [first, ...others] = codeBelow(PAGE, name);
  if (first === undefined || others.length > 0)
    throw new Error(`expected one snippet below ${name} in ${PAGE}`);
  return first.code;
}

describe.for(frameworks)('the snippet for $name', (framework) => {
  const { name, packages, endpoint } = framework;
  const canRun = isInstalled(framework);
  let application: Application;
  let alice: string;

  beforeAll(async () => {
    if (!canRun) return undefined;
    if (name === 'Express') await installPackages();
    application = await Application.start(framework, snippetOf(name));
    alice = await application.signIn('alice');
    return () => application.stop();
  }, 180_000);

  beforeEach((context) => {
    requirePackage(context, canRun, packages);
  });

  /** Returns the address of the endpoint with a request for another user. */
  const withName = (user: string): string =>
    `${endpoint}${endpoint.includes('?') ? '&' : '?'}user=${user}&name=${user}&jid=${user}@example.com`;

  /** Expects that a response is an error without a token, which the chat client can't take for an answer. */
  const expectRefused = async (response: Response): Promise<void> => {
    expect(response.status).toBeGreaterThanOrEqual(400);
    expect(response.status).toBeLessThan(404);
    expect(await response.text()).not.toMatch(TOKEN);
  };

  it('is short', () => {
    expect(snippetOf(name).split('\n').length - 1).toBeLessThanOrEqual(MAX_LINES);
  });

  it('gives the user of the session a new token each time', async () => {
    const tokens = await Promise.all(
      [endpoint, withName('bob')].map(async (path) => {
        const response = await application.request(path, { headers: { Cookie: alice } });
        expect(response.status).toBe(200);
        expect(response.headers.get('content-type')).toMatch(/^application\/json/);
        const { jid, password, ...others } = (await response.json()) as Record<string, string>;
        expect({ jid, others }).toEqual({ jid: 'alice@example.com', others: {} });
        return password ?? '';
      }),
    );
    for (const token of tokens) {
      const config = temporaryFile(SECRETS);
      const { stdout } = xtokend(['verify', 'alice@example.com', '-', '--config', config], { input: token });
      expect(stdout).toMatch(/^accepted for alice@example\.com: /);
    }
    expect(new Set(tokens).size).toBe(2);
  });

  it('lets nobody store the token, or read it from another site', async () => {
    const headers = { Cookie: alice, Origin: 'https://other.example' };
    const response = await application.request(endpoint, { headers });
    expect(response.headers.get('cache-control')).toContain('no-store');
    expect([...response.headers.keys()].filter((key) => key.startsWith('access-control-'))).toEqual([]);
  });

  it.each(['cross-site', 'same-site', 'none', ''])('refuses Sec-Fetch-Site: %s', async (site) => {
    const headers = { Cookie: alice, 'Sec-Fetch-Site': site };
    const response = await application.request(endpoint, { headers });
    expect(response.status).toBe(403);
    await expectRefused(response);
  });

  it('refuses strangers', async () => {
    await expectRefused(await application.request(endpoint));
    await expectRefused(await application.request(withName('alice')));
  });

  it.each(['Alice', 'alice\n'])('refuses the name %j, which the chat server would change', async (user) => {
    const cookie = await application.signIn(user);
    await expectRefused(await application.request(endpoint, { headers: { Cookie: cookie } }));
  });

  it('refuses a user who has signed out', async () => {
    const cookie = await application.signOut(await application.signIn('bob'));
    await expectRefused(await application.request(endpoint, { headers: { Cookie: cookie } }));
  });
});
