import { once } from 'node:events';
import { connect } from 'node:net';
import { WebSocket } from 'ws';
import type { Prosody } from '../support/servers/prosody.js';

/** Returns the SASL mechanisms that a host offers. @param isForwarded whether to connect as a proxy that terminated TLS */
type Offer = (prosody: Prosody, domain: string, isForwarded?: boolean) => Promise<string[]>;

const FRAMING = 'urn:ietf:params:xml:ns:xmpp-framing';
const FORWARDED = { 'X-Forwarded-For': '192.0.2.1', 'X-Forwarded-Proto': 'https' };

/** The transports of a stream, without TLS. */
export const offeredOver: Readonly<Record<'tcp' | 'bosh' | 'webSocket', Offer>> = { tcp, bosh, webSocket };

async function tcp({ c2sPort }: Prosody, domain: string): Promise<string[]> {
  const socket = connect(c2sPort, '127.0.0.1');
  let text = '';
  socket.on('data', (data: Buffer) => {
    text += data.toString();
    if (/<\/stream:features>|<stream:features\/>|<\/stream:error>/.test(text)) socket.destroy();
  });
  const stream = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'";
  socket.write(`${stream} to='${domain}' version='1.0'>`);
  await once(socket, 'close');
  return mechanismsIn(text);
}

async function bosh({ httpPort }: Prosody, domain: string, isForwarded = false): Promise<string[]> {
  const body = `<body xmlns='http://jabber.org/protocol/httpbind' xmlns:xmpp='urn:xmpp:xbosh' xmpp:version='1.0' to='${domain}' rid='1' hold='1' wait='5' ver='1.6'/>`;
  const response = await fetch(`http://127.0.0.1:${httpPort}/http-bind`, {
    method: 'POST',
    body,
    headers: isForwarded ? FORWARDED : {},
  });
  return mechanismsIn(await response.text());
}

function webSocket(prosody: Prosody, domain: string, isForwarded = false): Promise<string[]> {
  return offeredAt(prosody.service('WebSocket'), domain, isForwarded);
}

/** Returns the SASL mechanisms that a host offers over WebSocket. */
export async function offeredAt(url: string, domain: string, isForwarded = false): Promise<string[]> {
  const socket = new WebSocket(url, 'xmpp', {
    headers: isForwarded ? FORWARDED : {},
  });
  let text = '';
  socket.on('message', (data: Buffer) => {
    text += data.toString();
    if (/<stream:features|<close/.test(text)) socket.terminate();
  });
  socket.on('open', () => {
    socket.send(`<open xmlns='${FRAMING}' to='${domain}' version='1.0'/>`);
  });
  await once(socket, 'close');
  return mechanismsIn(text);
}

function mechanismsIn(text: string): string[] {
  return [...text.matchAll(/<mechanism>([^<]*)</g)].map(([, name = '']) => name).sort();
}
