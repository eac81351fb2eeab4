import { deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { PasswordBackendError } from '../../../src/passwords/backend.js';
import { open, patience, TOKEN } from './ends.js';
import { answer, NO, RawServer, YES } from './raw-server.js';

const PASSWORD = 'pass: "wörd"\u{1F600}';
const LOGIN = { user: 'alice', host: 'example.com', password: PASSWORD };
const SECRET = 'text-of-the-application';

/** Starts a server that answers everything with the same bytes, and asks it both questions. */
async function ask(
  bytes: string | Buffer,
  ends = false,
): Promise<{ auth: string; isuser: string; errors: Error[] }> {
  const server = await RawServer.start((socket) => {
    socket.write(bytes);
    if (ends) socket.end();
  });
  const backend = open(server.url);
  const errors: Error[] = [];
  const failed = (error: Error): string => {
    errors.push(error);
    expect(error).toBeInstanceOf(PasswordBackendError);
    expect(error.cause).toBeUndefined();
    expect(error.message).toContain(`http://127.0.0.1:${server.port}/auth: `);
    for (const secret of [SECRET, TOKEN, PASSWORD]) expect(error.message).not.toContain(secret);
    return 'error';
  };
  const auth = await backend.verify(LOGIN, patience()).catch(failed);
  const isuser = await backend.isUser(LOGIN, patience()).then(String, failed);
  return { auth, isuser, errors };
}

describe('a request', () => {
  it('has the documented form', async () => {
    const server = await RawServer.start((socket) => socket.write(answer(200, YES)));
    const backend = open(`${server.url}?rest_route=/xtokend`);
    expect(await backend.verify(LOGIN, patience())).toBe('accepted');
    expect(await backend.isUser(LOGIN, patience())).toBe(true);
    const [auth = '', isuser = ''] = server.requests.map((text) => Buffer.from(text, 'latin1').toString());
    const [head = '', body = ''] = auth.split('\r\n\r\n');
    const [line, ...headers] = head.split('\r\n');
    expect(line).toBe('POST /auth?rest_route=/xtokend HTTP/1.1');
    expect(headers).toEqual(
      expect.arrayContaining([
        'Content-Type: application/json',
        'Accept: application/json',
        'Accept-Encoding: identity',
        `Authorization: Bearer ${TOKEN}`,
        'User-Agent: xtokend',
        `Host: 127.0.0.1:${server.port}`,
        `Content-Length: ${Buffer.byteLength(body)}`,
      ]),
    );
    const user = { jid: 'alice@example.com', user: 'alice', host: 'example.com' };
    expect(JSON.parse(body)).toEqual({ operation: 'auth', ...user, password: PASSWORD });
    // Of a login that is asked about, too.
    expect(JSON.parse(isuser.split('\r\n\r\n')[1] ?? '')).toEqual({ operation: 'isuser', ...user });
  });
});

describe('an answer with a boolean', () => {
  it.each([
    [200, YES, 'accepted', 'true'],
    [200, NO, 'wrong', 'false'],
    [401, NO, 'wrong', 'false'],
    [403, NO, 'disabled', 'false'],
    [404, NO, 'error', 'false'],
    [200, ' \r\n{ "status": "accepted",\t"\\u0061ccepted" :true, "more": [{"x": 1}] }\n', 'accepted', 'true'],
  ])('and status %d: %s', async (status, body, auth, isuser) => {
    expect(await ask(answer(status, body))).toMatchObject({ auth, isuser });
  });

  it.each([201, 202, 203, 206, 299, 300, 400, 401, 403, 404, 418, 500, 599])(
    'that is true is refused with status %d',
    async (status) => {
      expect(await ask(answer(status, YES))).toMatchObject({ auth: 'error', isuser: 'error' });
    },
  );

  it.each([201, 302, 400, 429, 500, 503])('that is false is an error with status %d', async (status) => {
    expect(await ask(answer(status, NO))).toMatchObject({ auth: 'error', isuser: 'error' });
  });

  it.each([
    ['in HTTP/1.0', `HTTP/1.0 200 OK\r\n\r\n${YES}`, true],
    ['until the end of the connection', `HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n${YES}`, true],
    [
      'in chunks',
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n${YES.slice(0, 5)}\r\nd\r\n${YES.slice(5)}\r\n0\r\n\r\n`,
      false,
    ],
    [
      'after 100 and 103',
      `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\n\r\n${answer(200, YES)}`,
      false,
    ],
    ['that names no encoding', answer(200, YES, ['Content-Encoding: identity']), false],
  ])('is understood %s', async (_, bytes, ends) => {
    expect(await ask(bytes, ends)).toMatchObject({ auth: 'accepted', isuser: 'true' });
  });
});

describe('an answer without a boolean', () => {
  it.each([
    [200, 'is passwords.url the right address?'],
    [204, 'is passwords.url the right address?'],
    [301, 'redirects are not followed; set passwords.url to the final address'],
    [307, 'redirects are not followed'],
    [400, 'set passwords.url to https://'],
    [401, 'the bearer token is refused'],
    [403, 'exempt this URL from CSRF protection and the firewall'],
    [404, 'compare passwords.url with the route'],
    [405, 'this path accepts no POST'],
    [418, 'refuses the request; see its log'],
    [429, 'exempt xtokend'],
    [500, 'the application failed; see its log'],
    [502, 'cannot reach the application'],
    [503, 'overloaded'],
    [504, 'did not answer its web server in time'],
  ])('and with status %d tells what to do', async (status, expected) => {
    const headers = [`Location: https://${SECRET}/`, `Set-Cookie: ${SECRET}`];
    const { auth, isuser, errors } = await ask(answer(status, status === 204 ? '' : SECRET, headers));
    expect({ auth, isuser }).toEqual({ auth: 'error', isuser: 'error' });
    for (const { message } of errors) {
      expect(message).toContain(`status ${status}`);
      expect(message).toContain(expected);
    }
  });

  it.each([
    ['empty', ''],
    ['a page', '<!doctype html><title>Log in</title>'],
    ['a text', '"accepted"'],
    ['null', 'null'],
    ['true', 'true'],
    ['an array', `[${YES}]`],
    ['an array of words', '["accepted", true]'],
    ['the text "true"', '{"accepted": "true"}'],
    ['1', '{"accepted": 1}'],
    ['an object', '{"accepted": {"accepted": true}}'],
    ['null as the value', '{"accepted": null}'],
    ['nested', `{"data": ${YES}}`],
    ['another case', '{"Accepted": true}'],
    ['__proto__', `{"__proto__": ${YES}}`],
    ['a duplicate key', '{"accepted": false, "accepted": true}'],
    ['a duplicate key with an escape', '{"accepted": false, "\\u0061ccepted": true}'],
    ['a duplicate key in a nested object', `{"accepted": true, "data": ${NO}}`],
    [
      'a duplicate key after a text with quotes',
      '{"a": "\\"", "accepted": false, "b": "\\\\", "accepted": true}',
    ],
    ['a byte order mark', `\uFEFF${YES}`],
    ['trailing data', `${YES}x`],
    ['two objects', YES + YES],
    ['NUL', `${YES}\0`],
    ['a comment', `${YES} // yes`],
    ['single quotes', "{'accepted': true}"],
    ['incomplete', YES.slice(0, -1)],
    ['too long', YES + ' '.repeat(4096 - YES.length + 1)],
    ['huge', YES + ' '.repeat(3_000_000)],
    ['deep', '['.repeat(4000)],
  ])('is not accepted if its body is %s', async (_, body) => {
    const { auth, isuser, errors } = await ask(answer(200, body));
    expect({ auth, isuser }).toEqual({ auth: 'error', isuser: 'error' });
    expect(errors[0]?.message).toContain('status 200, but ');
  });

  it('may be as long as the limit', async () => {
    expect(await ask(answer(200, YES + ' '.repeat(4096 - YES.length)))).toMatchObject({ auth: 'accepted' });
  });

  it.each([
    ['gzip', gzipSync(YES), 'gzip'],
    ['deflate', deflateSync(YES), 'deflate'],
    ['a lie', Buffer.from(YES), 'GZIP'],
    ['a list', Buffer.from(YES), 'identity, br'],
    ['UTF-16', Buffer.from(YES, 'utf16le'), 'identity'],
    ['not UTF-8', Buffer.from('{"accepted": true, "\xff": 1}', 'latin1'), 'identity'],
  ])('is not accepted if it is encoded: %s', async (_, body, encoding) => {
    const head = `HTTP/1.1 200 OK\r\nContent-Encoding: ${encoding}\r\nContent-Length: ${body.length}\r\n\r\n`;
    expect(await ask(Buffer.concat([Buffer.from(head), body]))).toMatchObject({ auth: 'error' });
  });
});

describe('what is not HTTP', () => {
  const head = 'HTTP/1.1 200 OK\r\n';
  it.each([
    ['nothing', ''],
    ['a body only', YES],
    ['HTTP/0.9', `${YES}\n`],
    ['another protocol', `SSH-2.0-${SECRET}\r\n`],
    ['a TLS alert', '\x15\x03\x01\x00\x02\x02\x0a'],
    ['an incomplete head', head],
    ['an incomplete body', answer(200, YES).replace('Content-Length: 18', 'Content-Length: 19')],
    ['garbage as the length', `${head}Content-Length: 18x\r\n\r\n${YES}`],
    ['two lengths', `${head}Content-Length: 18\r\nContent-Length: 17\r\n\r\n${YES}`],
    [
      'a length and chunks',
      `${head}Content-Length: 18\r\nTransfer-Encoding: chunked\r\n\r\n12\r\n${YES}\r\n0\r\n\r\n`,
    ],
    ['garbage as a chunk', `${head}Transfer-Encoding: chunked\r\n\r\nxyz\r\n${YES}\r\n0\r\n\r\n`],
    ['an incomplete chunk', `${head}Transfer-Encoding: chunked\r\n\r\n12\r\n${YES}\r\n`],
    ['an upgrade', `HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n${YES}`],
    ['only a 100', 'HTTP/1.1 100 Continue\r\n\r\n'],
    ['a huge head', `${head}X: ${'x'.repeat(200_000)}\r\n\r\n${YES}`],
  ])('is not accepted: %s', async (_, bytes) => {
    expect(await ask(bytes, true)).toMatchObject({ auth: 'error', isuser: 'error' });
  });

  it('tells what to do', async () => {
    const { errors } = await ask('\x15\x03\x01\x00\x02\x02\x0a', true);
    expect(errors[0]?.message).toContain('is not HTTP (HPE_');
    expect((await ask('', true)).errors[0]?.message).toContain('it closed the connection before it answered');
    expect((await ask(head, true)).errors[0]?.message).toContain(
      'it closed the connection before it answered',
    );
    const rest = `${head}Content-Length: 99\r\n\r\n${SECRET}`;
    expect((await ask(rest, true)).errors[0]?.message).toContain('in the middle of the answer');
  });
});
