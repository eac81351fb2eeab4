import { join } from 'node:path';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { beforeAll, beforeEach, expect } from 'vitest';
import type { ProsodyRelease } from '../support/servers/prosody.js';
import { canRun, CHROMIUM, Demo, requireDemo } from './demo.js';

const TIMEOUT_MILLISECONDS = 45_000;

/** Starts Debian's Chromium, without windows. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM,
    chromiumSandbox: false,
    args: ['--disable-gpu'],
  });
}

/** Starts the demo and a browser for the tests of this group, and skips these if a program is not installed. */
export function useDemo(
  release: ProsodyRelease,
  onStart: (started: { readonly demo: Demo; readonly browser: Browser }) => void,
): void {
  beforeAll(async () => {
    if (!canRun(release)) return undefined;
    const demo = await Demo.start(release.program);
    const browser = await startBrowser();
    onStart({ demo, browser });
    return async () => {
      await browser.close();
      await demo.stop();
    };
  }, 180_000);

  beforeEach((context) => {
    requireDemo(context, release);
  });
}

/** A user with a browser profile of their own, and a page in it. */
export class Visitor {
  readonly context: BrowserContext;
  readonly page: Page;
  /** The tokens that the page has fetched. */
  readonly tokens: string[] = [];
  /** The exceptions that the scripts of the page did not catch. */
  readonly exceptions: string[] = [];
  readonly #address: string;

  private constructor(context: BrowserContext, page: Page, address: string) {
    this.context = context;
    this.page = page;
    this.#address = address;
    page.on('pageerror', (error) => this.exceptions.push(error.message));
    page.on('response', async (response) => {
      if (!response.url().endsWith('/xmpp-credentials') || !response.ok()) return;
      // The body is not available if the page has been left.
      const body = (await response.json().catch(() => undefined)) as { password: string } | undefined;
      if (body !== undefined) this.tokens.push(body.password);
    });
  }

  /** Signs a user in. @param address of the demo */
  static async signIn(browser: Browser, address: string, user: string): Promise<Visitor> {
    const context = await browser.newContext({ viewport: { width: 960, height: 540 } });
    context.setDefaultTimeout(TIMEOUT_MILLISECONDS);
    const visitor = new Visitor(context, await context.newPage(), address);
    await visitor.#signIn(visitor.page, user);
    return visitor;
  }

  async open(path: string): Promise<void> {
    await this.page.goto(this.#address + path);
  }

  /** Signs another user in, in another window of the same browser profile, when the session has expired. */
  async replaceBy(user: string): Promise<Page> {
    await this.context.clearCookies();
    const page = await this.context.newPage();
    await this.#signIn(page, user);
    return page;
  }

  async #signIn(page: Page, user: string): Promise<void> {
    await page.goto(this.#address);
    await page.click(`button[value=${user}]`);
    // The script of the page handles clicks before it fills this in.
    await page.locator('#label:not(:empty)').waitFor();
  }

  async signOut(): Promise<void> {
    await this.page.click('text=Sign out');
    await this.page.getByText('Sign in as').waitFor();
  }

  /** Writes to a contact in Converse.js. */
  async write(contact: string, message: string): Promise<void> {
    await this.#openChat(contact);
    await this.page.fill('.chat-textarea', message);
    await this.page.press('.chat-textarea', 'Enter');
  }

  /** Waits until Converse.js shows a message of a contact. */
  async reads(contact: string, message: string): Promise<void> {
    await this.#openChat(contact);
    await this.page.locator('.chat-msg__text', { hasText: message }).waitFor();
  }

  /** Writes to a contact on the page with xmpp.js. */
  async writeFast(contact: string, message: string): Promise<void> {
    await this.page.locator('#status', { hasText: 'online' }).waitFor();
    await this.page.selectOption('select[name=to]', { label: `To ${contact}` });
    await this.page.fill('input[name=body]', message);
    await this.page.press('input[name=body]', 'Enter');
  }

  /** Waits for a step of a login on the page with xmpp.js. */
  async step(text: string): Promise<void> {
    await this.page.locator('#steps li', { hasText: text }).last().waitFor();
  }

  /** Writes a picture of the page for the README, if a variable asks for it. */
  async takePicture(name: string): Promise<void> {
    const directory = process.env['XTOKEND_TEST_SCREENSHOTS'];
    if (directory !== undefined) await this.page.screenshot({ path: join(directory, name) });
  }

  /** Expects that all of the page can be seen without scrolling sideways. */
  async expectFits(): Promise<void> {
    const [content = 0, window] = await this.page.evaluate<number[]>(
      '[document.documentElement.scrollWidth, innerWidth]',
    );
    expect(content).toBe(window);
  }

  expectNoException(): void {
    expect(this.exceptions).toEqual([]);
  }

  async #openChat(contact: string): Promise<void> {
    // A contact with unread messages is also in a group of these.
    await this.page.locator('converse-roster').getByText(contact, { exact: true }).first().click();
  }
}
