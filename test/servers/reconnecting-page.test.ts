import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Daemon } from '../support/daemon/daemon.js';
import { codeIn, replaced } from '../support/documents.js';
import { SECRETS } from '../support/keys.js';
import { requirePackage } from '../support/run/requirements.js';
import { fastConfiguration } from '../support/servers/fast-device.js';
import {
  COMMUNITY_MODULES,
  exampleFor,
  isInstalled,
  Prosody,
  PROSODY_0_12,
  PROSODY_13_0,
} from '../support/servers/prosody.js';
import { outcomesIn, tokenOf } from './logins.js';

/** What the code needs of a browser, with an application that returns the tokens of TOKENS, and then fails. */
const BROWSER = `
import { WebSocket } from 'ws';
import * as XMPP from '@xmpp/client';
globalThis.XMPP = XMPP;
globalThis.WebSocket = WebSocket;
globalThis.localStorage = {};
const answers = [...TOKENS.map((token) => Response.json({ jid: 'alice@example.com', password: token })), new Response('', { status: 500 })];
globalThis.fetch = async () => answers.shift() ?? Promise.reject(new TypeError('fetch failed'));
`;

/** Ends the connection twice, as a network does, and prints each login that follows. */
const DROP_TWICE = `
let mechanism;
let drops = 0;
const drop = () => xmpp.socket.socket.terminate();
xmpp.reconnect.delay = 20;
xmpp.on('send', (element) => (mechanism = element.attrs.mechanism ?? mechanism));
xmpp.on('element', (element) => {
  if (element.name !== 'success') return;
  console.log('accepted', mechanism);
  drops += 1;
  if (drops === 2) process.exit();
  setTimeout(drop, 50);
});
drop();
`;

/** Runs the code for xmpp.js. @param tokens what the application returns */
async function run(service: string, tokens: readonly string[]): Promise<string> {
  const code = replaced(codeIn('docs/reconnecting.md', 'js'), 'wss://example.com/xmpp-websocket', service);
  const child = spawn(process.execPath, ['--input-type=module'], { env: {}, timeout: 15_000 });
  child.stdin.end(`${BROWSER.replace('TOKENS', JSON.stringify(tokens))}\n${code}\n${DROP_TWICE}`);
  return text(child.stdout);
}

describe('the code of the page reconnects', () => {
  it.for([
    { release: PROSODY_0_12, mode: 'with new tokens', tokens: 3, mechanism: 'PLAIN', plugins: undefined },
    { release: PROSODY_13_0, mode: 'with new tokens', tokens: 3, mechanism: 'PLAIN', plugins: undefined },
    {
      release: PROSODY_13_0,
      mode: 'by FAST',
      tokens: 1,
      mechanism: 'HT-SHA-256-NONE',
      plugins: COMMUNITY_MODULES,
    },
  ])('to $release.name $mode', async ({ release, tokens, mechanism, plugins }, context) => {
    requirePackage(context, isInstalled(release), release.name);
    requirePackage(context, plugins === undefined || existsSync(plugins), 'prosody-modules');
    const daemon = new Daemon(`${SECRETS}\n[hosts."example.com"]`);
    onTestFinished(() => daemon.remove());
    await daemon.start();
    const prosody = await Prosody.start({
      release,
      configuration: plugins === undefined ? exampleFor() : fastConfiguration(),
      settings: `xtoken_socket = "${daemon.socketPath}"`,
    });
    onTestFinished(() => prosody.stop());
    const minted = Array.from({ length: tokens }, () => tokenOf('alice@example.com'));
    const output = await run(prosody.service('WebSocket'), minted);
    expect(output).toBe(`accepted ${mechanism}\n`.repeat(2));
    const accepted = Array.from({ length: tokens }, () => 'accepted');
    await expect.poll(() => outcomesIn(daemon.log, 'alice@example.com')).toEqual(accepted);
  });
});
