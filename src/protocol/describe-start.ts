import type { Framing } from './framing.js';

/** How many bytes {@link describeStart} needs. */
export const START_BYTES = 16;

const OPERATION = /^(?:auth|isuser|setpass|tryregister|removeuser3?|certauth):/;

const kinds: readonly { readonly starts: readonly string[]; readonly description: string }[] = [
  {
    starts: ['\x16\x03'],
    description: 'looks like TLS: connect without TLS, the socket is for this machine only',
  },
  {
    starts: ['GET ', 'HEAD ', 'POST ', 'PUT ', 'DELETE ', 'PATCH ', 'OPTIONS ', 'TRACE ', 'CONNECT ', 'PRI '],
    description: 'looks like HTTP: ask for metrics at the address of [metrics] listen',
  },
  {
    starts: ['<?xml', '<stream', '<open'],
    description: 'looks like XMPP: clients connect to the chat server',
  },
];

/**
 * Describes bytes that are not a whole request, and what to do. The description contains none of them, as they can be a token.
 *
 * @param start the first {@link START_BYTES} of the connection, or fewer
 * @param framing the one that the listener uses
 */
export function describeStart(start: Buffer, framing: Framing): string {
  const text = start.toString('latin1');
  const kind = kinds.find(({ starts }) => starts.some((bytes) => text.startsWith(bytes)));
  if (kind !== undefined) return kind.description;
  const protocol = protocolOf(text);
  if (protocol === framing.name)
    return `a request of the ${protocol} protocol that does not end: ${framing.end}`;
  return protocol === undefined
    ? `bytes that are no request of the ${framing.name} protocol`
    : `looks like the ${protocol} protocol: use --protocol ${protocol}, ` +
        `--listen …,protocol=${protocol}, or FileDescriptorName=${protocol} in the socket unit`;
}

function protocolOf(text: string): 'generic' | 'ejabberd' | undefined {
  if (OPERATION.test(text)) return 'generic';
  // The two bytes of the length come first.
  return OPERATION.test(text.slice(2)) ? 'ejabberd' : undefined;
}
