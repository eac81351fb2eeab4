import type { FastToken } from '@xmpp/client';
import type { Browser } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { outcomesIn } from '../servers/logins.js';
import { FastDevice } from '../support/servers/fast-device.js';
import { PROSODY_13_0 } from '../support/servers/prosody.js';
import { leave } from '../support/servers/xmpp-login.js';
import type { Demo } from './demo.js';
import { useDemo, Visitor } from './visitor.js';

interface Copy {
  readonly token: FastToken;
  readonly device: string;
}

describe('xmpp.js with FAST in the web chat demo with Prosody 13.0', () => {
  let demo: Demo;
  let browser: Browser;
  let alice: Visitor;
  let bob: Visitor;

  useDemo(PROSODY_13_0, (started) => ({ demo, browser } = started));

  const expectChat = async (message: string): Promise<void> => {
    await alice.writeFast('Bob', message);
    await bob.page.locator('#messages li', { hasText: `Alice ${message}` }).waitFor();
  };

  /** Expects that no page has fetched a second token, and that xtokend has not been asked for another login. */
  const expectOneToken = (): void => {
    expect(alice.tokens).toHaveLength(1);
    expect(outcomesIn(demo.output, 'alice@localhost')).toEqual(['accepted']);
  };

  it('logs in with one token, and chats', { timeout: 120_000 }, async () => {
    alice = await Visitor.signIn(browser, demo.address, 'alice');
    bob = await Visitor.signIn(browser, demo.address, 'bob');
    await alice.open('/fast');
    await bob.open('/fast');
    await alice.step('Received a FAST token');
    await alice.step('Logged in');
    await bob.step('Logged in');
    await expectChat('Hello');
    expectOneToken();
  });

  it('chats with somebody who uses Converse.js', { timeout: 120_000 }, async () => {
    const carol = await Visitor.signIn(browser, demo.address, 'carol');
    await carol.open('/chat');
    await carol.write('Bob', 'Hello from Converse.js');
    await bob.page.locator('#messages li', { hasText: 'Carol Hello from Converse.js' }).waitFor();
    carol.expectNoException();
    await carol.context.close();
  });

  it('resumes the session with the FAST token when the network was cut', { timeout: 120_000 }, async () => {
    await demo.proxy.cut();
    await alice.step('Lost the connection');
    await demo.proxy.restore();
    await alice.step('resumed the session');
    await bob.step('resumed the session');
    await expectChat('Connected');
    await alice.takePicture('web-chat-fast.png');
    expectOneToken();
  });

  it('logs in with the FAST token when Prosody has restarted', { timeout: 120_000 }, async () => {
    await demo.restartProsody();
    await expect.poll(() => alice.page.locator('#status').innerText()).toBe('online');
    await expectChat('Restarted');
    expectOneToken();
  });

  it('logs in with the FAST token when the page is reloaded', { timeout: 120_000 }, async () => {
    await alice.page.reload();
    await alice.step('Logging in with the FAST token');
    await expectChat('Back');
    expectOneToken();
  });

  it('sends only the FAST token while xtokend hangs', { timeout: 120_000 }, async () => {
    process.kill(demo.xtokend, 'SIGSTOP');
    await alice.page.click('#drop');
    await alice.step('temporary-auth-failure').finally(() => process.kill(demo.xtokend, 'SIGCONT'));
    await expect.poll(() => alice.page.locator('#status').innerText()).toBe('online');
    await expectChat('Recovered');
    expectOneToken();
  });

  it('fetches a token again when the FAST token is not valid', { timeout: 120_000 }, async () => {
    const change =
      "localStorage['fast-token:bob'] = localStorage['fast-token:bob'].replace(/fast-./, 'fast-!')";
    await bob.page.evaluate(change);
    await bob.page.reload();
    await bob.step('Received a FAST token');
    await expectChat('New token');
    expect(bob.tokens).toHaveLength(2);
  });

  it('leaves the next user of the browser no FAST token', { timeout: 120_000 }, async () => {
    const carol = await Visitor.signIn(browser, demo.address, 'carol');
    await carol.open('/fast');
    await carol.step('Received a FAST token');
    const window = await carol.replaceBy('bob');
    expect(await window.evaluate('localStorage.length')).toBe(0);
    await carol.page.click('#drop');
    await carol.page.getByText('Fetch a token').waitFor();
    expect(await carol.page.locator('#label').innerText()).toBe('Bob');
    await carol.context.close();
  });

  /** Returns what a script of the page could copy. */
  const copyToken = async (carol: Visitor): Promise<Copy> => {
    const read = '[localStorage["fast-token:carol"], localStorage["device:carol"]]';
    const [token = '', device = ''] = await carol.page.evaluate<string[]>(read);
    return { token: JSON.parse(token) as FastToken, device };
  };

  /** Logs in elsewhere. */
  const logInWithCopy = async ({ token, device: id }: Copy): Promise<string> => {
    const device = new FastDevice('carol', 'localhost', id);
    device.token = token;
    const service = `ws://127.0.0.1:${demo.chatPort}/xmpp-websocket`;
    return device
      .connect(service, () => 'none')
      .then(
        async (client) => {
          await leave(client);
          return 'accepted';
        },
        (error: unknown) => (error as { condition: string }).condition,
      );
  };

  it('revokes the FAST token when the user signs out', { timeout: 120_000 }, async () => {
    const carol = await Visitor.signIn(browser, demo.address, 'carol');
    await carol.open('/fast');
    await carol.step('Received a FAST token');
    const first = await copyToken(carol);
    await demo.proxy.cut();
    await demo.proxy.restore();
    await carol.step('resumed the session');
    // Prosody has replaced the token, and accepts both.
    const second = await copyToken(carol);
    expect(first).not.toEqual(second);
    expect(await logInWithCopy(first)).toBe('accepted');
    await carol.signOut();
    expect(await carol.page.evaluate('localStorage.length')).toBe(0);
    for (const copy of [first, second]) expect(await logInWithCopy(copy)).toBe('not-authorized');
    for (const visitor of [alice, bob, carol]) visitor.expectNoException();
  });

  it('says that the chat server has blocked the account', { timeout: 120_000 }, async () => {
    const carol = await Visitor.signIn(browser, demo.address, 'carol');
    await carol.page.setViewportSize({ width: 360, height: 640 });
    await carol.open('/fast');
    await carol.step('Received a FAST token');
    await carol.expectFits();
    demo.revoke('carol');
    await carol.page.getByText('The chat server has blocked this account.').waitFor();
    await carol.context.close();
  });
});
