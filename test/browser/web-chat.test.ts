import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { EXPIRED, outcomesIn } from '../servers/logins.js';
import { PROSODY_0_12 } from '../support/servers/prosody.js';
import { login } from '../support/servers/xmpp-login.js';
import type { Demo } from './demo.js';
import { useDemo, Visitor } from './visitor.js';

describe('Converse.js in the web chat demo with Prosody 0.12', () => {
  let demo: Demo;
  let browser: Browser;
  let alice: Visitor;
  let bob: Visitor;

  useDemo(PROSODY_0_12, (started) => ({ demo, browser } = started));

  /** Expects that a message of each of both arrives. */
  const expectChat = async (message: string): Promise<void> => {
    await alice.write('Bob', `${message}, Bob`);
    await bob.reads('Alice', `${message}, Bob`);
    await bob.write('Alice', `${message}, Alice`);
    await alice.reads('Bob', `${message}, Alice`);
  };

  it('lets two users sign in and chat', { timeout: 180_000 }, async () => {
    alice = await Visitor.signIn(browser, demo.address, 'alice');
    bob = await Visitor.signIn(browser, demo.address, 'bob');
    await alice.open('/chat');
    await bob.open('/chat');
    await expectChat('Hello');
    await alice.takePicture('web-chat-converse.png');
  });

  it('can be used on a phone', { timeout: 120_000 }, async () => {
    const carol = await Visitor.signIn(browser, demo.address, 'carol');
    await carol.page.setViewportSize({ width: 360, height: 640 });
    await carol.expectFits();
    await carol.open('/chat');
    await carol.write('Bob', 'Hello from a phone');
    await carol.expectFits();
    await bob.reads('Carol', 'Hello from a phone');
    await bob.write('Carol', 'Hello to a phone');
    await carol.page.locator('.chat-msg__text', { hasText: 'Hello to a phone' }).waitFor();
    const contact = carol.page.locator('converse-roster').getByText('Bob', { exact: true });
    expect(await contact.isVisible()).toBe(false);
    await carol.page.click('converse-controlbox-navback converse-icon');
    await contact.waitFor();
    await carol.expectFits();
    carol.expectNoException();
    await carol.context.close();
  });

  it('says why the web application refuses, and does not ask again', { timeout: 120_000 }, async () => {
    const carol = await Visitor.signIn(browser, demo.address, 'carol');
    let requests = 0;
    await carol.page.route('**/xmpp-credentials', (route) => {
      requests += 1;
      return route.fulfill({ status: 403, body: 'Not allowed' });
    });
    await carol.open('/chat');
    await carol.page.getByText('Refused with status 403: Not allowed').waitFor();
    // Converse.js waits for two seconds before it asks again.
    await sleep(4000);
    expect(requests).toBe(1);
    await carol.context.close();
  });

  it('logs in again when the page is reloaded', { timeout: 120_000 }, async () => {
    await alice.page.reload();
    await expectChat('Back');
  });

  it('logs in again when the network was cut', { timeout: 180_000 }, async () => {
    await demo.proxy.cut();
    // Lets some attempts to reconnect fail.
    await sleep(3000);
    await demo.proxy.restore();
    await expectChat('Connected');
  });

  it('logs in again when Prosody has restarted', { timeout: 180_000 }, async () => {
    await demo.restartProsody();
    await expectChat('Restarted');
  });

  it('uses a new token for each login, which is refused for a third', async () => {
    const { tokens } = alice;
    expect(new Set(tokens).size).toBe(tokens.length);
    expect(outcomesIn(demo.output, 'alice@localhost').length).toBeGreaterThanOrEqual(4);
    expect(new Set(outcomesIn(demo.output, 'alice@localhost'))).toEqual(new Set(['accepted']));
    await alice.page.reload();
    await expect.poll(() => outcomesIn(demo.output, 'alice@localhost').length).toBeGreaterThanOrEqual(5);
    const service = `ws://127.0.0.1:${demo.chatPort}/xmpp-websocket`;
    const third = { service, domain: 'localhost', username: 'alice', password: tokens.at(-1) ?? '' };
    expect(await login(third)).toEqual(EXPIRED);
  });

  it('does not go on as another user of the same browser', { timeout: 120_000 }, async () => {
    const carol = await Visitor.signIn(browser, demo.address, 'carol');
    await carol.open('/chat');
    await carol.write('Bob', 'Hello from Carol');
    await bob.reads('Carol', 'Hello from Carol');
    const window = await carol.replaceBy('alice');
    const databases = 'indexedDB.databases().then((found) => JSON.stringify([localStorage, found]))';
    await expect.poll(() => window.evaluate(databases)).toBe('[{},[]]');
    const logins = outcomesIn(demo.output, 'alice@localhost').length;
    await demo.proxy.cut();
    await demo.proxy.restore();
    await carol.page.getByText('Fetch a token').waitFor();
    expect(await carol.page.locator('#label').innerText()).toBe('Alice');
    await carol.context.close();
    await expectChat('Still here');
    // The page of Alice has logged in again, but not the one of Carol.
    expect(outcomesIn(demo.output, 'alice@localhost')).toHaveLength(logins + 1);
  });

  it('explains that FAST needs a newer release', async () => {
    await bob.open('/');
    await bob.page.locator('.card').getByText('FAST needs Prosody 13.0 or later; this is 0.12').waitFor();
    await bob.open('/fast');
    await bob.page.getByText('FAST needs Prosody 13.0 or later; this is 0.12').waitFor();
  });

  it('ends the session everywhere in the browser when the user signs out', { timeout: 120_000 }, async () => {
    const window = await alice.context.newPage();
    await window.goto(`${demo.address}/chat`);
    await window.locator('converse-roster').getByText('Bob', { exact: true }).waitFor();
    // Signing out deletes the storage below Converse.js, which it does not expect.
    for (const visitor of [alice, bob]) visitor.expectNoException();
    await alice.signOut();
    await window.getByText('Sign in as').waitFor();
    const left = 'JSON.stringify([localStorage, sessionStorage])';
    await expect.poll(() => alice.page.evaluate(left)).not.toContain('alice');
    const response = await alice.page.evaluate("fetch('/xmpp-credentials').then(({ status }) => status)");
    expect(response).toBe(401);
  });
});
