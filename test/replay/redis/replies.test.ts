import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { timeStepAt } from '../../../src/credential/otp.js';
import { RedisReplayCache } from '../../../src/replay/redis/redis-cache.js';
import type { RedisSettings } from '../../../src/replay/redis/settings.js';
import type { TokenUse } from '../../../src/replay/replay-cache.js';
import { FakeRedis, type Reply } from '../../support/servers/fake-redis.js';
import { redisSettings } from '../../support/servers/redis.js';

const RECOVERED_WITHIN = 60_000;
/** How many fakes to run at a time. With too many, a cluster client times out. */
const fakesFor = ({ isCluster }: Mode): number => (isCluster ? 8 : 50);

const fresh = (): TokenUse => ({ id: randomUUID(), timeStep: timeStepAt(Date.now()) + 4 });
const text = (value: string): string => `$${value.length}\r\n${value}\r\n`;
const array = (...items: string[]): string => `*${items.length}\r\n${items.join('')}`;
const number = (value: number): string => `:${value}\r\n`;
const slots = (first: number, last: number, host: string, port: string): string =>
  array(number(first), number(last), array(host, port, text('id')));

/** Replies as a Redis, a Sentinel and a cluster of one node do. */
function honest(portOf: () => number): Reply {
  let mark = '';
  return (command) => {
    const [name, verb = '', ...args] = command;
    const port = portOf();
    if (name === 'info') return text('redis_version:7.0.15\r\nloading:0\r\n');
    if (name === 'sentinel')
      return verb === 'sentinels' ? '*0\r\n' : array(text('127.0.0.1'), text(String(port)));
    if (name === 'cluster') {
      if (verb === 'SLOTS') return array(slots(0, 16_383, text('127.0.0.1'), number(port)));
      return verb === 'INFO' ? text('cluster_state:ok\r\n') : text('myid');
    }
    if (name === 'hsetnx') {
      mark = args[1] ?? '';
      return ':1\r\n';
    }
    if (name === 'hmget') return array(text('run 0'), text(mark));
    if (name === 'eval') {
      return array(text(args.at(-1) ?? ''), text('run 0'), number(Date.now()), text('noeviction'));
    }
    return name === 'pexpireat' ? ':1\r\n' : '+OK\r\n';
  };
}

/** Replies that no command expects. */
const UNEXPECTED: readonly string[] = [
  ...[
    '$-1\r\n',
    '*-1\r\n',
    ':0\r\n',
    ':-1\r\n',
    '*0\r\n',
    '+\r\n',
    '$0\r\n\r\n',
    '-\r\n',
    '-ERR\r\n',
    '+OK\r\n',
  ],
  ...[text('x'.repeat(100_000)), '*1\r\n'.repeat(7) + ':1\r\n', '*1\r\n'.repeat(9) + ':1\r\n'],
  ...[array('$-1\r\n'), array('$-1\r\n', '$-1\r\n'), array(array()), array(array(array())), array(':1\r\n')],
  ...[array('-ERR no\r\n'), array(text('a'), array()), array(text('__proto__'), text('__proto__'))],
  // Incomplete and surplus replies.
  ...['*2\r\n:1\r\n', '$5\r\nab', '+OK', '$-1\r\n$-1\r\n', '+OK\r\n+OK\r\n', ':1\r\n$-1\r\n'],
  ...['+OK\rx$-1\r\n', '$-1\rx$-1\r\n', '-ERR\rx$-1\r\n', ':1\rx$-1\r\n', '$1\rxa\r\n$-1\r\n'],
  // RESP 3.
  ...[
    '_\r\n',
    '#t\r\n',
    ',1.5\r\n',
    '>2\r\n+message\r\n_\r\n',
    '%1\r\n+a\r\n+b\r\n',
    '!3\r\nERR\r\n',
    '(1\r\n',
  ],
  ...[array(text('message'), '$-1\r\n', '$-1\r\n'), array(text('subscribe'), '$-1\r\n', ':1\r\n')],
  ...['-NOAUTH Authentication required.\r\n', '-NOPERM no\r\n', '-LOADING x\r\n', '-NOPROTO x\r\n'],
  ...['-READONLY x\r\n', '-CLUSTERDOWN x\r\n', '-TRYAGAIN x\r\n', '-MISCONF x\r\n', '-EXECABORT x\r\n'],
  ...['', ' ', ' 1', ' 1 ', ' 1 x', ' 1 x:', ' 1 :1', ' 1 a\0b:1', ' 1 127.0.0.1:0', ' 1 127.0.0.1:99999']
    .concat([' -1 127.0.0.1:1', ' 16384 127.0.0.1:1', ' __proto__ a:1', ' 1 __proto__:1', ' x x x'])
    .concat([' 1 127.0.0.1:1', ' 1 nowhere.invalid:1', ` 1 ${'h'.repeat(10_000)}:1`, ' 1 a:1 b:2'])
    .flatMap((where) => [`-MOVED${where}\r\n`, `-ASK${where}\r\n`]),
];

const PORTS: readonly string[] = [
  ...[number(0), number(-1), number(99_999), '$-1\r\n', text('x'), array(), number(1)],
];
const HOSTS: readonly string[] = [
  ...[
    '$-1\r\n',
    '$0\r\n\r\n',
    text('a\0b'),
    text('\u0001'),
    number(7),
    array(),
    text('h'.repeat(5000)),
    text('?'),
  ],
];

const SLOT_TABLES: readonly string[] = [
  ...PORTS.map((port) => array(slots(0, 16_383, text('127.0.0.1'), port))),
  ...HOSTS.map((host) => array(slots(0, 16_383, host, number(1)))),
  array(array(number(0), number(1))),
  array(array('$-1\r\n', number(1), array(text('127.0.0.1'), number(1)))),
  array(array(number(0), text('x'), array(text('127.0.0.1'), number(1)))),
  array(slots(0, 999_999_999, text('127.0.0.1'), number(1))),
  array(slots(-5, 5, text('127.0.0.1'), number(1))),
  array(array(number(0), number(1), '$-1\r\n')),
  array(...Array.from({ length: 8000 }, () => slots(0, 16_383, text('127.0.0.1'), number(1)))),
  array(...Array.from({ length: 8000 }, (_, at) => slots(at, at, text('127.0.0.1'), number(at + 1)))),
];
const ADDRESSES: readonly string[] = [
  ...PORTS.map((port) => array(text('127.0.0.1'), port)),
  ...HOSTS.map((host) => array(host, text('1'))),
  ...['0', '-1', '99999', '1e3', '0x10', ' 1', '1\r\n'].map((port) => array(text('127.0.0.1'), text(port))),
];
const SENTINELS: readonly string[] = [
  ...ADDRESSES.map((address) => array(address)),
  array(array(text('ip'), '$-1\r\n', text('port'), text('1'), text('flags'), ':1\r\n')),
  array(array(text('ip'), text('127.0.0.1'), text('port'), text('99999'))),
  array(array(text('flags'), array(), text('ip'), text('127.0.0.1'), text('port'), text('1'))),
];

type Mode = Pick<RedisSettings, 'isCluster' | 'sentinelMaster'>;
const STANDALONE: Mode = { isCluster: false, sentinelMaster: undefined };
const CLUSTER: Mode = { isCluster: true, sentinelMaster: undefined };
const SENTINEL: Mode = { isCluster: false, sentinelMaster: 'main' };

interface Attack {
  /** Whose reply is replaced: the command, and its first argument if there are several. */
  readonly command: string;
  readonly replies: readonly string[];
}

const connecting = ['auth', 'info', 'hsetnx', 'eval'];
const attacks = (...commands: string[]): Attack[] =>
  commands.map((command) => ({ command, replies: UNEXPECTED }));

/** Opens a replay cache in a fake that replies unexpectedly to one command, and expects that it recovers. */
async function attack(mode: Mode, { command }: Attack, unexpected: string): Promise<void> {
  const fake = await FakeRedis.start(0, () => '');
  onTestFinished(() => fake.stop());
  const right = honest(() => Number(new URL(fake.url).port));
  fake.reply = (words, socket) => {
    const isAttacked = words[0] === command || `${words[0] ?? ''} ${words[1] ?? ''}` === command;
    return isAttacked ? unexpected : right(words, socket);
  };
  const cache = new RedisReplayCache(redisSettings(fake.url, { ...mode, password: 'hunter2' }));
  onTestFinished(() => cache.close());
  expect(await cache.consume(fresh()).catch(messageOf)).not.toContain('hunter2');
  fake.reply = right;
  const end = Date.now() + RECOVERED_WITHIN;
  let consume: unknown;
  while (consume !== 'consumed' && Date.now() < end) {
    consume = await cache.consume(fresh()).catch(messageOf);
    await sleep(100);
  }
  expect(consume, `after ${JSON.stringify(unexpected.slice(0, 100))} for ${command}`).toBe('consumed');
  await cache.close();
}

const messageOf = (error: unknown): string => String(error);

describe.each<[string, Mode, readonly Attack[]]>([
  ['a Redis', STANDALONE, attacks(...connecting)],
  [
    'a Sentinel',
    SENTINEL,
    [
      ...attacks('sentinel get-master-addr-by-name', 'sentinel sentinels'),
      { command: 'sentinel get-master-addr-by-name', replies: ADDRESSES },
      { command: 'sentinel sentinels', replies: SENTINELS },
    ],
  ],
  [
    'a cluster',
    CLUSTER,
    [...attacks('cluster SLOTS', 'hsetnx'), { command: 'cluster SLOTS', replies: SLOT_TABLES }],
  ],
])('%s with unexpected replies', { timeout: 240_000 }, (_, mode, all) => {
  // An uncaught exception would end the process; here it fails the run.
  it.each(all.map((one) => [one.command, one] as const))(
    'to %s never ends the process, and is used again once they are right',
    async (_command, one) => {
      const rest = [...one.replies];
      const attackInSequence = async (): Promise<void> => {
        for (let next = rest.shift(); next !== undefined; next = rest.shift()) await attack(mode, one, next);
      };
      await Promise.all(Array.from({ length: fakesFor(mode) }, attackInSequence));
    },
  );
});
