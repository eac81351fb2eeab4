import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Demo, canBrowse, requireChromium } from './demo.js';
import { startBrowser, Visitor } from './visitor.js';

const SAME_ORIGIN = { 'Sec-Fetch-Site': 'same-origin' };

describe('the web chat demo without Prosody', () => {
  let demo: Demo;
  let browser: Browser;
  let alice: Visitor;
  let otherSite: Server;

  beforeAll(async () => {
    if (!canBrowse()) return undefined;
    demo = await Demo.start('/no/such/prosody');
    browser = await startBrowser();
    alice = await Visitor.signIn(browser, demo.address, 'alice');
    otherSite = createServer((_, response) =>
      response.setHeader('Content-Type', 'text/html').end('<p>Other site'),
    );
    await once(otherSite.listen(0, '127.0.0.1'), 'listening');
    return async () => {
      otherSite.close();
      await browser.close();
      await demo.stop();
    };
  }, 180_000);

  beforeEach((context) => {
    requireChromium(context);
  });

  /** Returns the user who is signed in, according to the web application. */
  const userOf = async ({ context }: Visitor): Promise<unknown> => {
    const response = await context.request.get(`${demo.address}/session`, { headers: SAME_ORIGIN });
    return response.ok() ? ((await response.json()) as { user: unknown }).user : response.status();
  };

  it('says what to install, and shows its token endpoint', async () => {
    expect(demo.output).toContain('sudo apt install prosody');
    await alice.page.getByText('sudo apt install prosody').waitFor();
    await alice.page.click('text=Fetch a token');
    await expect
      .poll(() => alice.page.locator('#credentials').innerText())
      .toMatch(/"password": "\d{40} \S{44}"/);
    await alice.open('/fast');
    await alice.page.getByText('sudo apt install prosody').waitFor();
  });

  it.each([
    ['a stranger', {}, 401],
    ['somebody with a made-up session', { Cookie: 'web-chat-session=eyJ1c2VyIjoiYWxpY2UifQ==' }, 401],
  ])('gives %s no token', async (_, headers, status) => {
    const response = await fetch(`${demo.address}/xmpp-credentials`, {
      headers: { ...SAME_ORIGIN, ...headers },
    });
    expect(response.status).toBe(status);
    expect(response.headers.get('cache-control')).toBe('no-store');
    for (const page of ['/chat', '/fast']) {
      const { status, headers } = await fetch(demo.address + page, { redirect: 'manual' });
      expect([status, headers.get('location')]).toEqual([303, '/']);
    }
  });

  it.each(['cross-site', 'same-site', 'none', ''])(
    'refuses a request with Sec-Fetch-Site: %s',
    async (site) => {
      const { request } = alice.context;
      const headers: Record<string, string> = site === '' ? {} : { 'Sec-Fetch-Site': site };
      const response = await request.get(`${demo.address}/xmpp-credentials`, { headers });
      expect(response.status()).toBe(403);
      expect(await response.text()).not.toMatch(/\d{40}/);
    },
  );

  it('lets nobody store or read the token elsewhere', async () => {
    const { request } = alice.context;
    const response = await request.get(`${demo.address}/xmpp-credentials`, { headers: SAME_ORIGIN });
    expect(response.status()).toBe(200);
    const headers = response.headers();
    expect(headers['cache-control']).toBe('no-store');
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control-'))).toEqual([]);
    expect(headers['cross-origin-resource-policy']).toBe('same-origin');
    expect(headers['x-content-type-options']).toBe('nosniff');
  });

  it('lets nobody sign in before the user of the other windows signs out', async () => {
    const { request } = alice.context;
    const options = { headers: SAME_ORIGIN, form: { user: 'bob' } };
    expect((await request.post(`${demo.address}/sign-in`, options)).status()).toBe(200);
    expect(await userOf(alice)).toBe('alice');
  });

  it('ends the session in all windows while the FAST token cannot be revoked', async () => {
    const carol = await Visitor.signIn(browser, demo.address, 'carol');
    const window = await carol.context.newPage();
    await window.goto(demo.address);
    // A chat server that never answers, and a time limit that is never reached.
    await carol.page.clock.install();
    await carol.page.routeWebSocket(/xmpp-websocket/, () => undefined);
    await carol.page.reload();
    await carol.page.locator('#label', { hasText: 'Carol' }).waitFor();
    await carol.page.clock.pauseAt(Date.now() + 3_600_000);
    await carol.page.evaluate("localStorage['fast-token:carol'] = '{}'");
    await carol.page.click('text=Sign out');
    await window.getByText('Sign in as').waitFor();
    expect(await userOf(carol)).toBe(401);
    expect(await window.evaluate("localStorage['fast-token:carol']")).toBeUndefined();
    await carol.context.close();
  });

  it('goes to the sign-in page when the session has ended', async () => {
    const carol = await Visitor.signIn(browser, demo.address, 'carol');
    await carol.context.clearCookies();
    await carol.page.click('text=Fetch a token');
    await carol.page.getByText('Sign in as').waitFor();
    await carol.page.click('button[value=carol]');
    await carol.page.locator('#label:not(:empty)').waitFor();
    // The session ends while the page loads.
    await carol.page.route('**/session', async (route) => {
      await carol.context.clearCookies();
      await route.fulfill({ status: 401, body: 'Unauthorized' });
    });
    await carol.open('/chat');
    await carol.page.getByText('Sign in as').waitFor();
    carol.expectNoException();
    await carol.context.close();
  });

  it('keeps the session in a cookie that no script can read', async () => {
    const cookies = await alice.context.cookies(demo.address);
    expect(cookies.map(({ name, httpOnly, sameSite }) => [name, httpOnly, sameSite])).toEqual([
      ['web-chat-session', true, 'Lax'],
      ['web-chat-session.sig', true, 'Lax'],
    ]);
  });

  /** Opens a page of another site, which knows the addresses of the demo. */
  const openOtherSite = async (host: string): Promise<Page> => {
    const page = await alice.context.newPage();
    await page.goto(`http://${host}:${(otherSite.address() as AddressInfo).port}`);
    return page;
  };

  // Another port of the same host is the same site for cookies, but another origin.
  describe.each(['localhost', '127.0.0.1'])('for a page of another origin, on %s', (host) => {
    it.each(['cors', 'no-cors'])('hides the answer from fetch() with mode %s', async (mode) => {
      const page = await openOtherSite(host);
      const read = `fetch('${demo.address}/xmpp-credentials', { mode: '${mode}', credentials: 'include' })
        .then((response) => response.text(), (error) => error.name)`;
      expect(await page.evaluate(read)).toBe('TypeError');
      await page.close();
    });

    it.each(['/sign-out', '/sign-in'])('refuses a form for %s', async (path) => {
      const page = await openOtherSite(host);
      const form = `<form method="post" action="${demo.address}${path}"><input name="user" value="bob"></form>`;
      await page.evaluate(`document.body.innerHTML = '${form}'; document.forms[0].submit()`);
      await page.getByText('Expected a request from a page of this site').waitFor();
      await page.close();
      expect(await userOf(alice)).toBe('alice');
    });

    it('cannot be framed', async () => {
      const page = await openOtherSite(host);
      await page.evaluate(`document.body.innerHTML = '<iframe src="${demo.address}/">'`);
      const frame = page.frames().find((child) => child !== page.mainFrame());
      await expect.poll(() => frame?.url()).toBe('chrome-error://chromewebdata/');
      await page.close();
    });
  });
});

describe('the web chat demo in production', () => {
  let demo: Demo;

  beforeAll(async () => {
    if (!canBrowse()) return undefined;
    demo = await Demo.start('/no/such/prosody', { NODE_ENV: 'production' });
    return () => demo.stop();
  }, 180_000);

  beforeEach((context) => {
    requireChromium(context);
  });

  const signIn = (body: string, headers: Record<string, string>): Promise<Response> => {
    const form = { 'Content-Type': 'application/x-www-form-urlencoded', ...SAME_ORIGIN };
    return fetch(`${demo.address}/sign-in`, {
      method: 'POST',
      headers: { ...form, ...headers },
      body,
      redirect: 'manual',
    });
  };

  it('accepts no cookie that a sibling domain can set', async () => {
    const { headers } = await signIn('user=alice', { 'X-Forwarded-Proto': 'https' });
    const cookies = headers.getSetCookie();
    expect(cookies).toHaveLength(2);
    for (const cookie of cookies) {
      expect(cookie).toMatch(
        /^__Host-web-chat-session(\.sig)?=\S+; path=\/; expires=[^;]+; samesite=lax; secure; httponly$/,
      );
    }
  });

  it('sends no session without HTTPS', async () => {
    expect((await signIn('user=alice', {})).headers.getSetCookie()).toEqual([]);
  });

  it('hides the details of errors', async () => {
    const response = await signIn('user=alice', { 'Content-Encoding': 'no-such-encoding' });
    expect(response.status).toBe(415);
    expect(await response.text()).not.toContain('node_modules');
  });
});
