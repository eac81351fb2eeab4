import type { UserRequest } from './request.js';
import { escapeTabs, unescapeTabs } from './tab-escape.js';

/** Nothing else, as it is printed. */
const REASON = /^reason=([a-z-]{1,64})$/;

/** A line that xtokend sends. */
export type Reply =
  | { readonly kind: 'version'; readonly major: number }
  | { readonly kind: 'ok'; readonly id: number }
  | { readonly kind: 'fail'; readonly id: number; readonly reason: string | undefined }
  | { readonly kind: 'error'; readonly message: string };

/** Returns the line of a request in the native protocol. */
export function encodeRequest(id: number, request: UserRequest): string {
  const { operation, user, host } = request;
  const password = operation === 'auth' ? [`password=${escapeTabs(request.password)}`, 'secured'] : [];
  const command = operation === 'auth' ? 'AUTH' : 'USER';
  return `${[command, id, escapeTabs(user), escapeTabs(host), ...password].join('\t')}\n`;
}

/** Parses a line of xtokend, without its line feed. Returns `undefined` if it is not one. */
export function parseReply(line: string): Reply | undefined {
  const [command, first = '', ...parameters] = line.split('\t').map(unescapeTabs);
  if (command === 'ERROR') return { kind: 'error', message: first };
  const number = /^\d{1,15}$/.test(first) ? Number(first) : undefined;
  if (number === undefined) return undefined;
  if (command === 'VERSION') return { kind: 'version', major: number };
  if (command === 'OK') return { kind: 'ok', id: number };
  if (command !== 'FAIL') return undefined;
  const [reason] = parameters.flatMap((parameter) => REASON.exec(parameter)?.slice(1) ?? []);
  return { kind: 'fail', id: number, reason };
}
