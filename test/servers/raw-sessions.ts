import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import type { Prosody } from '../support/servers/prosody.js';

const STREAM =
  "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='example.com' version='1.0'>";
const HTTPBIND = 'http://jabber.org/protocol/httpbind';

/** A session that receives text until it ends. */
export interface RawSession {
  /** What the server has sent since the login. */
  readonly received: () => string;
}

/** Logs in over TCP, and binds no resource. */
export async function logInUnbound(prosody: Prosody, user: string, password: string): Promise<RawSession> {
  const socket = connect(prosody.c2sPort, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  socket.write(`${STREAM}${auth(user, password)}`);
  await waitFor(socket, '<success');
  let received = '';
  socket.on('data', (data: Buffer) => (received += data.toString()));
  socket.write(STREAM);
  return { received: () => received };
}

/** Logs in over BOSH with stream management, and leaves a request open. */
export async function logInOverBosh(prosody: Prosody, user: string, password: string): Promise<RawSession> {
  let rid = 1;
  let sid = '';
  const send = async (attributes: string, content = ''): Promise<string> => {
    const body = `<body xmlns='${HTTPBIND}' xmlns:xmpp='urn:xmpp:xbosh' rid='${(rid += 1)}' ${sid} ${attributes}>${content}</body>`;
    const response = await fetch(`http://127.0.0.1:${prosody.httpPort}/http-bind`, { method: 'POST', body });
    return response.text();
  };
  const created = await send("to='example.com' xmpp:version='1.0' hold='1' wait='30' ver='1.6'");
  sid = `sid='${/ sid='([^']*)'/.exec(created)?.[1] ?? ''}'`;
  const answer = await send('', auth(user, password));
  if (!answer.includes('<success')) throw new Error(`expected a login: ${answer}`);
  await send("to='example.com' xmpp:restart='true'");
  await send(
    '',
    "<iq type='set' id='bind' xmlns='jabber:client'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
  );
  await send('', "<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
  let received = '';
  void send('').then((text) => (received = text));
  return { received: () => received };
}

function auth(user: string, password: string): string {
  const message = Buffer.from(`\0${user}\0${password}`).toString('base64');
  return `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${message}</auth>`;
}

async function waitFor(socket: Socket, expected: string): Promise<void> {
  let text = '';
  while (!text.includes(expected)) {
    const [data] = (await once(socket, 'data')) as [Buffer];
    text += data.toString();
  }
}
