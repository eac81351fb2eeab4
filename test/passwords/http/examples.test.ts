import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { temporaryFile } from '../../support/directory.js';
import { hasProgram, requirePackage } from '../../support/run/requirements.js';
import { EXAMPLES, open, patience, phpUsers, pythonUsers, startEnd, TOKEN } from './ends.js';

const HOST = 'example.com';
const users = {
  'alice@example.com': 'correct: horse "battery" ¿staple?',
  'bob@example.com': 'hunter2 hunter2',
  'érika@example.com': 'пароль',
};
const DISABLED = 'bob@example.com';

const files = new Map<string, string>();

/** Returns a file of the users in the form of an example. Hashes their passwords once, as that takes a while. */
function usersOf(form: string, create: typeof pythonUsers): string {
  const text = files.get(form) ?? readFileSync(create(users, DISABLED), 'utf8');
  files.set(form, text);
  return temporaryFile(text, 'users.json');
}

const ends = [
  {
    name: 'http_end.py',
    program: 'python3',
    what: 'python3',
    start: (token: string) =>
      startEnd((port) => [
        'python3',
        join(EXAMPLES, 'http_end.py'),
        temporaryFile(`${token}\n`, 'http-token'),
        usersOf('python', pythonUsers),
        port,
      ]),
  },
  {
    name: 'http-end.php',
    program: 'php',
    what: 'php-cli',
    start: (token: string) =>
      startEnd((port) => ['php', '-S', `127.0.0.1:${port}`, join(EXAMPLES, 'http-end.php')], {
        TOKEN_FILE: temporaryFile(`${token}\n`, 'http-token'),
        USERS_FILE: usersOf('php', phpUsers),
      }),
  },
];

describe.each(ends)('the example $name', ({ program, what, start }) => {
  beforeEach((context) => {
    requirePackage(context, hasProgram(program), what);
  });

  it('accepts right passwords only', async () => {
    const backend = open(`${await start(TOKEN)}/auth`);
    const verify = (user: string, password: string): Promise<string> =>
      backend.verify({ user, host: HOST, password }, patience());
    expect(await verify('alice', users['alice@example.com'])).toBe('accepted');
    expect(await verify('érika', users['érika@example.com'])).toBe('accepted');
    expect(await verify('alice', users['bob@example.com'])).toBe('wrong');
    expect(await verify('alice', `${users['alice@example.com']} `)).toBe('wrong');
    expect(await verify('nobody', users['alice@example.com'])).toBe('wrong');
    expect(await verify('nobody', ' ')).toBe('wrong');
    expect(await verify('bob', users['bob@example.com'])).toBe('disabled');
    expect(await verify('bob', 'wrong')).toBe('wrong');
  });

  it('reports who exists', async () => {
    const backend = open(await start(TOKEN));
    expect(await backend.isUser({ user: 'alice', host: HOST }, patience())).toBe(true);
    expect(await backend.isUser({ user: 'alice', host: 'other.example' }, patience())).toBe(false);
    expect(await backend.isUser({ user: 'nobody', host: HOST }, patience())).toBe(false);
  });

  it('accepts nobody with another bearer token', async () => {
    const backend = open(await start(`${TOKEN}x`));
    const login = { user: 'alice', host: HOST, password: users['alice@example.com'] };
    await expect(backend.verify(login, patience())).rejects.toThrow(
      'status 401: the bearer token is refused',
    );
  });
});

describe('the example check-script', () => {
  beforeEach((context) => {
    requirePackage(context, hasProgram('python3'), 'python3');
  });

  it('accepts right passwords only, and answers every line', () => {
    const input = [
      `auth:alice:${HOST}:${users['alice@example.com']}`,
      `auth:alice:${HOST}:wrong`,
      `auth:nobody:${HOST}:wrong`,
      `auth:bob:${HOST}:${users['bob@example.com']}`,
      `auth:érika:${HOST}:${users['érika@example.com']}`,
      `setpass:alice:${HOST}:new`,
      `isuser:alice:${HOST}`,
      `isuser:nobody:${HOST}`,
    ];
    const { stdout, stderr } = spawnSync(join(EXAMPLES, 'check-script'), [usersOf('python', pythonUsers)], {
      input: `${input.join('\n')}\n`,
      encoding: 'utf8',
    });
    expect(stdout.trim().split('\n')).toEqual(['1', '0', '0', '0', '1', '0', '1', '0']);
    expect(stderr).toBe('');
  });

  it('gives no answer if it can not read the list of users', () => {
    const { stdout, stderr, status } = spawnSync(join(EXAMPLES, 'check-script'), ['/nowhere/users.json'], {
      input: `auth:alice:${HOST}:right\n`,
      encoding: 'utf8',
    });
    expect({ stdout, stderr, status }).toEqual({ stdout: '', stderr: 'FileNotFoundError\n', status: 1 });
  });
});

describe('the README of the examples', () => {
  it('names all of them', () => {
    const page = readFileSync(join(EXAMPLES, 'README.md'), 'utf8');
    for (const name of ['http_end.py', 'http-end.php', 'check-script']) expect(page).toContain(`](${name})`);
  });
});
