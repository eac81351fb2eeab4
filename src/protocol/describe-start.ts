import type { ProtocolName } from './protocol.js';
import { NATIVE_START } from './native.js';
import { startsWithOperation } from './request.js';

/** How many bytes {@link describeUnexpected} needs. */
export const START_BYTES = 16;

const otherProtocols: readonly { readonly starts: readonly string[]; readonly description: string }[] = [
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
  {
    starts: ['AUTH\t', 'USER\t'],
    description: 'looks like the native protocol without its first line: send VERSION first',
  },
];

/** How a request ends. */
const ends: Readonly<Record<ProtocolName, string>> = {
  generic: 'expected a line feed after it',
  ejabberd: 'expected as many bytes as its length says',
  native: 'expected a line feed after it',
};

/**
 * Describes the start of a connection that is in another protocol, and what to do. The description contains none of the bytes, as
 * they can be a token.
 *
 * @param start the first {@link START_BYTES} of the connection, or fewer
 * @param protocol the one that the connection is read in; `undefined` if it was not detected
 * @returns `undefined` if it is the start of a request in this protocol
 */
export function describeUnexpected(start: Buffer, protocol: ProtocolName | undefined): string | undefined {
  const text = start.toString('latin1');
  const kind = otherProtocols.find(({ starts }) => starts.some((bytes) => text.startsWith(bytes)));
  if (kind !== undefined) return kind.description;
  const found = protocolOf(text);
  if (found !== undefined && found === protocol) return undefined;
  if (found !== undefined && protocol !== undefined)
    return (
      `looks like the ${found} protocol, but the listener is set to ${protocol}: remove --protocol ${protocol}, ` +
      `protocol=${protocol} of --listen, or FileDescriptorName=${protocol} of the socket unit`
    );
  const seen = /^[\x20-\x7e\t\r\n]*$/.test(text) ? 'text' : 'binary data';
  return `${seen}, but not a request of the generic, the ejabberd or the native protocol`;
}

/** Describes a request that does not end, in the protocol of the connection. */
export function describeUnfinished(protocol: ProtocolName): string {
  return `incomplete request of the ${protocol} protocol: ${ends[protocol]}`;
}

function protocolOf(text: string): ProtocolName | undefined {
  if (startsWithOperation(text)) return 'generic';
  if (text.startsWith(NATIVE_START)) return 'native';
  // The two bytes of the length come first.
  return startsWithOperation(text.slice(2)) ? 'ejabberd' : undefined;
}
