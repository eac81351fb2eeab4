import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PasswordBackendError } from '../../../src/passwords/backend.js';
import { open, patience } from './ends.js';
import { RawServer } from './raw-server.js';

const LOGIN = { user: 'alice', host: 'example.com', password: 'password' };
const RUNS = 200;
const TIME_MILLISECONDS = 1000;

/**
 * Returns whether bytes, followed by the end of the connection, can be an acceptance by any reading of RFC 9112 and RFC 8259. It is
 * more generous than the back end in some points, such as the framing, but not in what an acceptance is.
 */
function canAccept(bytes: Buffer): boolean {
  let rest = bytes.toString('latin1');
  // Answers with a status below 200 precede the real one.
  for (;;) {
    const head = /^(?:\r?\n)*HTTP\/1\.[01] (\d{3})(?: [^\r\n]*)?\r?\n((?:[^\r\n]+\r?\n)*)\r?\n/.exec(rest);
    if (head === null) return false;
    rest = rest.slice(head[0].length);
    if (head[1]?.startsWith('1') === true && head[1] !== '101') continue;
    return head[1] === '200' && bodiesOf(head[2] ?? '', rest).some(isAcceptance);
  }
}

/** Returns the body for each framing that the headers could mean. */
function bodiesOf(headers: string, rest: string): string[] {
  const lengths = [...headers.matchAll(/^content-length\s*:\s*(\d+)/gim)].map(([, digits]) => Number(digits));
  const cut = lengths.filter((length) => length <= rest.length).map((length) => rest.slice(0, length));
  if (/^transfer-encoding\s*:/im.test(headers)) return [...cut, unchunked(rest)];
  return lengths.length > 0 ? cut : [rest];
}

function unchunked(text: string): string {
  let [body, at] = ['', 0];
  for (;;) {
    const size = /^([0-9a-f]+)[^\r\n]*\r?\n/i.exec(text.slice(at));
    if (size === null) return '';
    const [line, digits = ''] = size;
    const length = Number.parseInt(digits, 16);
    if (length === 0) return body;
    body += text.slice(at + line.length, at + line.length + length);
    at += line.length + length + (text.startsWith('\r\n', at + line.length + length) ? 2 : 1);
  }
}

/** Accepts an object with `true` as the only value of the only `accepted`, in a flat notation that needs no parser. */
function isAcceptance(body: string): boolean {
  const string = String.raw`"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*"`;
  const value = String.raw`(?:${string}|-?\d[\d.eE+-]*|true|false|null|\[[^"]*\]|\{[^"]*\})`;
  const member = String.raw`[ \t\r\n]*(${string})[ \t\r\n]*:[ \t\r\n]*(${value})[ \t\r\n]*`;
  if (!new RegExp(`^[ \\t\\r\\n]*\\{${member}(?:,${member})*\\}[ \\t\\r\\n]*$`).test(body)) return false;
  const members = [...body.matchAll(new RegExp(member, 'g'))];
  const named = members.filter(([, key = '']) => JSON.parse(key) === 'accepted');
  return named.length === 1 && named[0]?.[2] === 'true';
}

/** Parts of answers that are likely to be taken for others. */
const word = fc.constantFrom(
  ...[
    'HTTP/1.1 200 OK\r\n',
    'HTTP/1.0 200\r\n',
    'HTTP/1.1 403 X\r\n',
    'HTTP/1.1 100 X\r\n\r\n',
    '\r\n',
    '\n',
  ],
  ...['Content-Length: 18\r\n', 'Content-Length: 0\r\n', 'Transfer-Encoding: chunked\r\n', 'X: y\r\n'],
  ...[
    'Content-Encoding: gzip\r\n',
    'Connection: close\r\n',
    '12\r\n',
    '0\r\n\r\n',
    '{',
    '}',
    ',',
    ':',
    '[',
    ']',
  ],
  ...['"accepted"', '"\\u0061ccepted"', 'true', 'false', '"true"', '\uFEFF', ' ', '\0', '{"accepted": true}'],
  ...['{"accepted": false}'],
);
const valid = fc.constantFrom<string[]>(
  'HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n{"accepted": true}',
  'HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n{"accepted": false}',
  'HTTP/1.1 403 OK\r\nContent-Length: 18\r\n\r\n{"accepted": true}',
  'HTTP/1.0 200 OK\r\n\r\n{"accepted": true, "accepted": false}',
  'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"user": "alice", "accepted": true}',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n12\r\n{"accepted": true}\r\n0\r\n\r\n',
  'HTTP/1.1 100 X\r\n\r\nHTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 18\r\n\r\n{"accepted": true}',
);
const change = fc.record({
  at: fc.nat(200),
  removed: fc.nat(4),
  inserted: fc.oneof(word, fc.string({ unit: 'binary', maxLength: 3 }), fc.constant('')),
});
const mutated = fc
  .tuple(valid, fc.array(change, { maxLength: 3 }))
  .map(([text, changes]) =>
    changes.reduce((result, { at, removed, inserted }) => {
      const place = at % (result.length + 1);
      return result.slice(0, place) + inserted + result.slice(place + removed);
    }, text),
  )
  .map((text) => Buffer.from(text));
const random = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
const assembled = fc.array(word, { maxLength: 12 }).map((words) => Buffer.from(words.join('')));

describe('an answer of any bytes', () => {
  let bytes = Buffer.alloc(0);
  let [cut, ends] = [0, true];
  let url = '';
  const uncaught: unknown[] = [];
  const onUncaught = (error: unknown): void => {
    uncaught.push(error);
  };

  beforeAll(() => {
    process.on('uncaughtException', onUncaught).on('unhandledRejection', onUncaught);
  });
  afterAll(() => {
    process.off('uncaughtException', onUncaught).off('unhandledRejection', onUncaught);
  });

  it.each([
    ['a mutation', mutated, RUNS * 3],
    ['random', random, RUNS],
    ['assembled', assembled, RUNS * 2],
  ])('is an acceptance only if it is valid, and always ends: %s', async (_, arbitrary, numRuns) => {
    const server = await RawServer.start((socket) => {
      socket.write(bytes.subarray(0, cut));
      setImmediate(() => {
        socket.write(bytes.subarray(cut));
        if (ends) socket.end();
      });
    });
    ({ url } = server);
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(arbitrary, fc.nat(300), async (chosen, place) => {
        [bytes, cut, ends] = [chosen, place, true];
        const backend = open(url);
        const result = await backend
          .verify(LOGIN, patience(TIME_MILLISECONDS * 20))
          .catch((error: unknown) => {
            expect(error).toBeInstanceOf(PasswordBackendError);
            return 'error';
          });
        await backend.close();
        accepted += result === 'accepted' ? 1 : 0;
        if (result === 'accepted') expect(canAccept(chosen)).toBe(true);
      }),
      { numRuns },
    );
    // Otherwise, the test would show nothing.
    if (arbitrary === mutated) expect(accepted).toBeGreaterThan(numRuns / 50);
    expect(uncaught).toEqual([]);
  });

  it('ends with the signal if the connection does not', async () => {
    const server = await RawServer.start((socket) => socket.write(bytes));
    await fc.assert(
      fc.asyncProperty(fc.oneof(mutated, assembled), async (chosen) => {
        [bytes, ends] = [chosen, false];
        const backend = open(server.url);
        const result = await backend.verify(LOGIN, patience(50)).catch((error: unknown) => {
          expect(error).toBeInstanceOf(PasswordBackendError);
          return 'error';
        });
        await backend.close();
        if (result === 'accepted') expect(canAccept(chosen)).toBe(true);
      }),
      { numRuns: RUNS / 4 },
    );
    expect(uncaught).toEqual([]);
  });
});
