import { describe, expect, it } from 'vitest';
import { freePort } from '../../../support/system/ports.js';
import { application, BEARER_TOKEN, checkPasswords, configured, type Asked, type Reply } from './support.js';

const NO = { status: 200, body: '{"accepted": false}' };
const UNAUTHORIZED = { status: 401, body: '' };

/** Answers only if the bearer token is right. */
const guarded =
  (reply: (asked: Asked) => Reply | undefined) =>
  (asked: Asked): Reply | undefined =>
    asked.token === BEARER_TOKEN ? reply(asked) : UNAUTHORIZED;

function settingsOf(url: string): string {
  return `url = "${url}"\ntoken_file = "token"\ntimeout = 2`;
}

describe('xtokend check, of passwords.url', () => {
  it('asks about a made-up user, with the bearer token and with a wrong one', async () => {
    const { url, asked } = await application(guarded(() => NO));
    const { status, codes, of } = await checkPasswords(configured(settingsOf(url)));
    expect([status, codes]).toEqual([0, ['ok passwords-http-ok']]);
    expect(of('passwords-http-ok').join()).toMatch(
      /auth refuses a wrong password, in \d+ ms, and a wrong bearer token; /,
    );
    const [first, second] = asked;
    expect(first).toMatchObject({ token: BEARER_TOKEN, body: { operation: 'auth', host: 'localhost' } });
    expect(second?.token).toMatch(/^[\w-]{32}$/);
    expect(asked).toHaveLength(2);
  });

  it('warns if it answers a wrong bearer token', async () => {
    const { url } = await application(() => NO);
    const { status, codes } = await checkPasswords(configured(settingsOf(url)));
    expect([status, codes]).toEqual([0, ['ok passwords-http-ok', 'warning passwords-http-token']]);
    const other = await application(({ token }) =>
      token === BEARER_TOKEN ? NO : { status: 401, body: '{"accepted": false}' },
    );
    const { of } = await checkPasswords(configured(settingsOf(other.url)));
    expect(of('passwords-http-token').join()).toContain('answer 401 without "accepted"');
  });

  it('reports one that accepts any password, or says that everybody is disabled', async () => {
    const open = await application(guarded(() => ({ status: 200, body: '{"accepted": true}' })));
    const { status, codes } = await checkPasswords(configured(settingsOf(open.url)));
    expect([status, codes]).toEqual([1, ['problem passwords-http-accepts-any']]);
    const shut = await application(guarded(() => ({ status: 403, body: '{"accepted": false}' })));
    expect((await checkPasswords(configured(settingsOf(shut.url)))).codes).toEqual([
      'ok passwords-http-ok',
      'warning passwords-http-disabled',
    ]);
  });

  it.each([
    [{ status: 302, body: '' }, /status 302: redirects are not followed; set passwords.url to the final /],
    [UNAUTHORIZED, /status 401: the bearer token is refused, or did not arrive; compare /],
    [{ status: 403, body: 'CSRF' }, /status 403: something in front .*; exempt this URL from CSRF /],
    [{ status: 404, body: '' }, /status 404: nothing has this path; compare passwords.url /],
    [{ status: 200, body: '<html>' }, /the body is not JSON/],
    [undefined, /no answer/],
  ])('names the cause and the fix of %j', async (reply, expected) => {
    const { url } = await application(() => reply);
    const { status, codes, of } = await checkPasswords(configured(settingsOf(url)));
    expect([status, codes]).toEqual([1, ['problem passwords-http-failed']]);
    expect(of('passwords-http-failed').join()).toMatch(expected);
  });

  it('reports that nothing listens, that a name is unknown, and that TLS fails', async () => {
    const shut = await checkPasswords(configured(settingsOf(`http://127.0.0.1:${await freePort()}/`)));
    expect(shut.of('passwords-http-failed').join()).toContain('nothing listens there; start the application');
    const unknown = await checkPasswords(configured(settingsOf('https://no-such-host.invalid/')));
    expect(unknown.of('passwords-http-failed')).toHaveLength(1);
    const { url } = await application(() => NO);
    const plain = await checkPasswords(configured(settingsOf(url.replace('http:', 'https:'))));
    expect(plain.of('passwords-http-failed').join()).toContain('TLS');
  });

  it('asks whether a user exists only if that decides who is a user', async () => {
    const { url, asked } = await application(
      guarded(({ body }) =>
        body['operation'] === 'auth' ? NO : { status: 200, body: '{"accepted": true}' },
      ),
    );
    const { codes } = await checkPasswords(configured(settingsOf(url), 'users = "passwords"\n'));
    expect(codes).toEqual(['ok passwords-http-ok', 'warning passwords-isuser-any']);
    expect(asked.map(({ body }) => body['operation'])).toEqual(['auth', 'auth', 'isuser']);
  });
});
