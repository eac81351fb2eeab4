import type { RedisSettings } from './settings.js';
import { codeOf, messageOf } from '../../errors.js';
import { COMMAND_TIMEOUT_MILLISECONDS } from './client.js';
import { UnexpectedReplyError } from './replies.js';
import { StoreDeadlineError } from '../store-deadline.js';

/** @returns the addresses of a Redis, for messages; there is no password in them */
export function nameOf({ addresses, sentinelMaster }: RedisSettings): string {
  const names = addresses.map(({ path, tls, host, port }) =>
    path === undefined ? `${tls ? 'rediss' : 'redis'}://${host}:${port}` : `unix:${path}`,
  );
  return (sentinelMaster === undefined ? '' : `${sentinelMaster} of the Sentinels `) + names.join(', ');
}

/**
 * Explains what keeps Redis from being used, and what to do. Nothing that a server says is repeated, as a server can quote the
 * password: a known error is named in our words, any other by its kind only.
 *
 * @param error what a command met with
 * @param connectionError what the connection last met with: it says more if there is no connection
 */
export function explainRedisError(error: unknown, connectionError: unknown): string {
  const subject = isLost(error) ? (connectionError ?? error) : error;
  const code = codeOf(subject);
  if (typeof code === 'string') return explanations[code] ?? explainCode(code);
  const message = messageOf(subject);
  const known = sentences.find(([pattern]) => pattern.test(message));
  if (known !== undefined) return known[1];
  // A Sentinel's error comes at the end of ioredis' own message. Redis' errors begin with a word in capitals.
  const [, name = ''] = /(?:^|^All sentinels .* Last error: )([A-Z]+)(?= )/.exec(message) ?? [];
  return explanations[name] ?? unexplained(subject, name);
}

/** Whether there is no connection any more, or not yet. */
function isLost(error: unknown): boolean {
  return error instanceof StoreDeadlineError || LOST.test(messageOf(error));
}

/** Node's own codes, such as `EHOSTUNREACH` and `ERR_TLS_CERT_ALTNAME_INVALID`, hold nothing of what a server says. */
function explainCode(code: string): string {
  return `the connection failed (${/^[A-Z][A-Z0-9_]*$/.test(code) ? code : 'for an unknown reason'})`;
}

function unexplained(error: unknown, name: string): string {
  const isReply = name !== '' || (error instanceof Error && error.name === 'ReplyError');
  return isReply
    ? 'it answers with an error, which is not repeated, as it may hold the password: look into the log of Redis, or try the same with redis-cli'
    : 'the connection was lost, or there was none yet: is it running, and may this machine connect to it?';
}

const LOST = /closed|isn't writeable|isn't ready|max retries|None of startup nodes|Failed to refresh slots/i;

const password = 'it refuses the user or the password: correct replay.username and replay.password_file';
const forbidden =
  'this user of Redis may not do what is needed: +hsetnx +hmget +hset +hdel +pexpireat +get +set +zadd +zcard +zrange +zpopmin +eval +info +time (+cluster) on the keys of replay.prefix';
const moving = 'the cluster is moving its data: this passes by itself';
const untrusted = 'its certificate is not trusted: name the authority that signed it in replay.ca_file';
const tooOld =
  'it does not know a command that is needed: use Redis 6.2 or later, and rename no command (rename-command)';
const silent = `no answer within ${COMMAND_TIMEOUT_MILLISECONDS} ms: is it stopped, overloaded or cut off?`;

/** What is found in an error of Redis or ioredis, and what it means; the first that fits counts. */
const sentences: readonly (readonly [RegExp, string])[] = [
  [/make no sense|found one more$|a redirection to nowhere/, new UnexpectedReplyError().message],
  [/commands without one$/, 'it owes more replies than can be waited for: is it stopped or overloaded?'],
  [/timed out|ETIMEDOUT|timeout|no answer within/, silent],
  // The same as NOPERM, of a command within a script, in Redis 7.
  [/can't run this command/, forbidden],
  [/(?:^|: )ERR unknown (?:command|subcommand)/i, tooOld],
  [/(?:^|: )ERR max number of clients reached/, 'it has as many connections as it takes (maxclients)'],
  [
    /^All sentinels (?!.* Last error: )/,
    'the Sentinels know no master of this name: correct replay.sentinel_master',
  ],
  [
    /^All sentinels .* Last error: Connection is closed/,
    'no Sentinel can be reached: start them, or correct replay.url',
  ],
];

const explanations: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there: start Redis, or correct replay.url',
  ENOENT: 'there is no such socket: start Redis, or correct replay.url',
  ETIMEDOUT: silent,
  EACCES: `this user (uid ${String(process.getuid?.())}) may not connect to the socket: put it into the group of the socket`,
  ENOTFOUND: 'no machine has this name: correct replay.url',
  EAI_AGAIN: 'the name of the machine cannot be looked up: is the network up?',
  ECONNRESET: 'it closed the connection: is this a Redis, and does it expect TLS (rediss://)?',
  NOAUTH: password,
  WRONGPASS: password,
  NOPERM: forbidden,
  WRONGTYPE: 'something else uses the same keys: set replay.prefix to what nobody else uses',
  OOM: 'its memory is full (maxmemory): give it more',
  READONLY: 'it is a replica, which cannot be written to: set replay.url to the primary',
  NOREPLICAS: 'it has too few replicas to take writes (min-replicas-to-write): start them',
  BUSY: 'a script keeps it busy: see `redis-cli script kill`',
  LOADING: 'it is still loading its data: wait',
  MISCONF: 'it cannot save its data and takes none (see its log): make room on its disk',
  MASTERDOWN: 'its primary is gone: start that, or set replay.url to another',
  CLUSTERDOWN: 'the cluster is down: see `redis-cli cluster info`',
  MOVED: moving,
  ASK: moving,
  TRYAGAIN: moving,
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
};
