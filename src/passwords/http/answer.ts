import { isUtf8 } from 'node:buffer';
import { PasswordBackendError, type PasswordResult } from '../backend.js';
import type { HttpAnswer } from './exchange.js';

/** The operations of the protocol. */
export type HttpOperation = 'auth' | 'isuser';

const EXPECTED = 'expected {"accepted": true} or {"accepted": false}';

/**
 * Returns what an answer decides. It counts only if its body is a JSON object with a boolean `accepted`: a login page or a firewall
 * can answer with any status.
 *
 * @throws {@link PasswordBackendError} if it decides nothing; the message contains no text of the answer
 */
export function decisionOf(operation: HttpOperation, answer: HttpAnswer): PasswordResult {
  const { status } = answer;
  const accepted = acceptedIn(answer);
  if (typeof accepted === 'string') throw new PasswordBackendError(explainStatus(status, accepted));
  if (accepted && status === 200) return 'accepted';
  if (!accepted) {
    if (status === 403) return 'disabled';
    if (status === 200 || status === 401 || (status === 404 && operation === 'isuser')) return 'wrong';
  }
  throw new PasswordBackendError(
    `the application answered {"accepted": ${String(accepted)}} with status ${status}: expected 200 for true, and 200, 401 or 403 for false`,
  );
}

/** Returns the value of `accepted` in an answer, or what is wrong with it. */
function acceptedIn({ encoding, body }: HttpAnswer): boolean | string {
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    return 'the body has a Content-Encoding; turn off compression for this URL';
  }
  if (body === undefined) return 'the body is too long';
  if (!isUtf8(body)) return 'the body is not UTF-8';
  const text = body.toString();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return body.length === 0 ? 'the body is empty' : 'the body is not JSON';
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'the body is not an object';
  if (!('accepted' in value) || typeof value.accepted !== 'boolean') return 'it has no boolean "accepted"';
  return countKeys(text, 'accepted') === 1 ? value.accepted : 'it has more than one "accepted"';
}

/** Counts a key in a valid JSON text, in nested objects as well. JSON.parse uses the last one and ignores the others. */
function countKeys(json: string, key: string): number {
  const strings = json.matchAll(/("(?:[^"\\]|\\.)*")(\s*:)?/g);
  return [...strings].filter(([, string = '', colon]) => colon !== undefined && JSON.parse(string) === key)
    .length;
}

/** @param problem what is wrong with the body */
function explainStatus(status: number, problem: string): string {
  const hint = hints[status];
  const found = `status ${status}`;
  if (hint !== undefined) return `${found}: ${hint}`;
  if (status >= 300 && status < 400) {
    return `${found}: redirects are not followed; set passwords.url to the final address`;
  }
  if (status >= 500) return `${found}: the application failed; see its log`;
  if (status >= 400) return `${found}: the application refuses the request; see its log`;
  return `${found}, but ${problem}: ${EXPECTED}; is passwords.url the right address?`;
}

const hints: Readonly<Record<number, string>> = {
  400: 'the application does not understand the request; if its port expects TLS, set passwords.url to https://',
  401: 'the bearer token is refused, or did not arrive; compare passwords.token_file with the token of the application, and see that its web server passes on the header Authorization (Apache: "CGIPassAuth On")',
  403: 'something in front of the check refuses the request; exempt this URL from CSRF protection and the firewall, and compare passwords.token_file with the token of the application',
  404: 'nothing has this path; compare passwords.url with the route of the application',
  405: 'this path accepts no POST; compare passwords.url with the route of the application',
  429: 'the application limits the number of requests; exempt xtokend, which limits wrong passwords by itself',
  502: 'the web server cannot reach the application; start the application, or see its log',
  503: 'the application is overloaded, or under maintenance; see its log',
  504: 'the application did not answer its web server in time; see its log',
};
