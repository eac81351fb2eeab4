import { codeOf, messageOf } from '../../errors.js';
import { StoreDeadlineError } from '../store-deadline.js';
import { COMMAND_TIMEOUT_MILLISECONDS } from './client.js';
import { UnexpectedReplyError } from './replies.js';
import type { RedisSettings } from './settings.js';

/** Returns the addresses of a Redis, for messages. They hold no password. */
export function nameOf({ addresses, sentinelMaster }: RedisSettings): string {
  const names = addresses.map(({ path, tls, host, port }) =>
    path === undefined ? `${tls ? 'rediss' : 'redis'}://${host}:${port}` : `unix:${path}`,
  );
  return (sentinelMaster === undefined ? '' : `${sentinelMaster} of the Sentinels `) + names.join(', ');
}

/**
 * Explains why Redis can't be used, and what to do. Never quotes a server, which can quote the password: a known error has its own
 * explanation, any other is reported without its text.
 *
 * @param error what a command failed with
 * @param connectionError what the connection failed with last: it explains more if there is no connection
 */
export function explainRedisError(error: unknown, connectionError: unknown): string {
  const subject = isLost(error) ? (connectionError ?? error) : error;
  const message = messageOf(subject);
  if (subject instanceof UnexpectedReplyError) return message;
  const code = codeOf(subject);
  if (typeof code === 'string') {
    // The codes of Node, such as EHOSTUNREACH and ERR_TLS_CERT_ALTNAME_INVALID, hold nothing that a server sent.
    return (
      explanations[code] ??
      `the connection failed (${/^[A-Z][A-Z0-9_]*$/.test(code) ? code : 'for an unknown reason'})`
    );
  }
  const known = sentences.find(([pattern]) => pattern.test(message));
  if (known !== undefined) return known[1];
  // The errors of Redis begin with a word in capitals.
  const [name = ''] = /^[A-Z]+(?= )/.exec(message) ?? [];
  const isReply = name !== '' || (subject instanceof Error && subject.name === 'ReplyError');
  return (
    explanations[name] ??
    (isReply
      ? HIDDEN
      : 'the connection was lost, or is not open yet: is it running, and can this machine connect to it?')
  );
}

function isLost(error: unknown): boolean {
  return error instanceof StoreDeadlineError || LOST.test(messageOf(error));
}

const LOST = /closed|isn't writeable|isn't ready|max retries|None of startup nodes|Failed to refresh slots/i;

const HIDDEN =
  'it replies with an error that is not shown, as it may hold the password: see the log of Redis, or try the same with redis-cli';
const password = 'it refuses the user or the password: correct replay.username and replay.password_file';
const forbidden =
  'this user of Redis lacks permissions: +hsetnx +hmget +hset +pexpireat +get +set +zadd +zcard +zrange +zpopmin +eval +info +time +hget +hgetall +sadd +sismember +sscan (+cluster) on the keys of replay.prefix';
const moving = 'the cluster is moving its data: wait until it has finished';
const untrusted = 'its certificate is not trusted: set replay.ca_file to the authority that signed it';
const tooOld =
  'it does not know a required command: use Redis 6.2 or later, and rename no command (rename-command)';
const silent = `no answer within ${COMMAND_TIMEOUT_MILLISECONDS} ms: is it stopped, overloaded or cut off?`;

/** Explanations of errors of Redis and ioredis; the first pattern that matches counts. */
const sentences: readonly (readonly [RegExp, string])[] = [
  [/commands without a reply$/, 'too many of its replies are missing: is it stopped or overloaded?'],
  [/timed out|ETIMEDOUT|timeout|no answer within/, silent],
  // NOPERM of a command in a script, in Redis 7.
  [/can't run this command/, forbidden],
  [/(?:^|: )ERR unknown (?:command|subcommand)/i, tooOld],
  [/^ERR max number of clients reached/, 'it has the maximum number of connections (maxclients)'],
];

const explanations: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there: start it, or correct replay.url',
  ENOENT: 'there is no such socket: start Redis, or correct replay.url',
  ETIMEDOUT: silent,
  EACCES: `this user (uid ${String(process.getuid?.())}) has no permission to connect to the socket: add it to the group of the socket`,
  ENOTFOUND: 'no machine has this name: correct replay.url',
  EAI_AGAIN: 'the name of the machine cannot be resolved: is the network up?',
  ECONNRESET: 'it closed the connection: is this a Redis, and does it expect TLS (rediss://)?',
  UNKNOWN_PRIMARY: 'the Sentinels know no primary of this name: correct replay.sentinel_master',
  NOAUTH: password,
  WRONGPASS: password,
  NOPERM: forbidden,
  WRONGTYPE: 'something else uses the same keys: set replay.prefix to a prefix of its own',
  OOM: 'its memory is full (maxmemory): give it more',
  READONLY: 'it is a replica, which is read-only: set replay.url to the primary',
  NOREPLICAS: 'it has too few replicas to accept writes (min-replicas-to-write): start them',
  BUSY: 'a script keeps it busy: see `redis-cli script kill`',
  LOADING: 'it is still loading its data: wait',
  MISCONF: 'it cannot save its data and refuses writes (see its log): free space on its disk',
  MASTERDOWN: 'its primary is down: start that, or set replay.url to another',
  CLUSTERDOWN: 'the cluster is down: see `redis-cli cluster info`',
  MOVED: moving,
  ASK: moving,
  TRYAGAIN: moving,
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
};
