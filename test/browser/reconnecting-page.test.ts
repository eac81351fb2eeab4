import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import type { Browser } from 'playwright-core';
import { beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { outcomesIn, tokenOf } from '../servers/logins.js';
import { Daemon } from '../support/daemon/daemon.js';
import { codeIn, replaced } from '../support/documents.js';
import { SECRETS } from '../support/keys.js';
import { exampleFor, Prosody, PROSODY_0_12 } from '../support/servers/prosody.js';
import { canRun, EXAMPLE, installPackages, requireDemo } from './demo.js';
import { startBrowser } from './visitor.js';

const PAGE = 'docs/reconnecting.md';
const TYPES: Readonly<Record<string, string>> = { '.js': 'text/javascript', '.css': 'text/css' };
describe('the code of the page, in a browser', () => {
  let daemon: Daemon;
  let prosody: Prosody;
  let browser: Browser;

  beforeAll(async () => {
    if (!canRun(PROSODY_0_12)) return undefined;
    await installPackages();
    daemon = new Daemon(`${SECRETS}\n[hosts."example.com"]`);
    await daemon.start();
    const settings = `xtoken_socket = "${daemon.socketPath}"`;
    prosody = await Prosody.start({ release: PROSODY_0_12, configuration: exampleFor(), settings });
    browser = await startBrowser();
    return async () => {
      await browser.close();
      await prosody.stop();
      await daemon.remove();
    };
  }, 180_000);

  beforeEach((context) => {
    requireDemo(context, PROSODY_0_12);
  });

  it.each([
    ['Converse.js', 'bob@example.com', codeIn(PAGE, 'html')],
    [
      'xmpp.js',
      'alice@example.com',
      `<script src="/xmpp.min.js"></script><script type="module">${codeIn(PAGE, 'js')}</script>`,
    ],
  ])('logs in with %s, and again after a restart', { timeout: 120_000 }, async (_, jid, html) => {
    const failures: string[] = [];
    const body = replaced(html, 'wss://example.com/xmpp-websocket', prosody.service('WebSocket'));
    const { address, server } = await serve({ body, jid, failures });
    onTestFinished(() => void server.close());
    const page = await browser.newPage();
    page.on('pageerror', ({ message }) => failures.push(message));
    // The form of Converse.js to log in has pictures of other sites.
    await page.route(
      (url) => url.origin !== address,
      (route) => route.abort(),
    );
    await page.goto(address);
    const accepted = async (count: number): Promise<void> => {
      const outcomes = Array.from({ length: count }, () => 'accepted');
      await expect.poll(() => outcomesIn(daemon.log, jid)).toEqual(outcomes);
    };
    await accepted(1);
    expect(failures).toEqual([]);
    await prosody.restart();
    await accepted(2);
    await page.close();
  });
});

/** Serves a page, a new token at each request, and the files that docs/reconnecting.md asks for. */
async function serve(options: {
  readonly body: string;
  readonly jid: string;
  readonly failures: string[];
}): Promise<{ address: string; server: Server }> {
  const server = createServer(({ url = '' }, response) => {
    const { pathname } = new URL(url, 'http://localhost');
    const file = pathname.startsWith('/converse/')
      ? pathname.replace('/converse/', 'converse.js/dist/')
      : join('@xmpp/client/dist', pathname);
    const path = join(EXAMPLE, 'node_modules', file);
    if (pathname === '/') response.setHeader('Content-Type', 'text/html').end(options.body);
    else if (pathname === '/xmpp-credentials') {
      response.end(JSON.stringify({ jid: options.jid, password: tokenOf(options.jid) }));
    } else if (existsSync(path)) {
      response.setHeader('Content-Type', TYPES[extname(path)] ?? 'application/octet-stream');
      response.end(readFileSync(path));
    } else {
      options.failures.push(`no file for ${pathname}`);
      response.writeHead(404).end();
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}
