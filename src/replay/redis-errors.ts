import type { RedisSettings } from './redis-settings.js';
import { codeOf, messageOf } from '../errors.js';
import { COMMAND_TIMEOUT_MILLISECONDS } from './redis-client.js';

/** @returns the addresses of a Redis, for messages; there is no password in them */
export function nameOf({ addresses, sentinelMaster }: RedisSettings): string {
  const names = addresses.map(({ path, tls, host, port }) =>
    path === undefined ? `${tls ? 'rediss' : 'redis'}://${host}:${port}` : `unix:${path}`,
  );
  return (sentinelMaster === undefined ? '' : `${sentinelMaster} of the Sentinels `) + names.join(', ');
}

/**
 * Says in words what keeps Redis from being used, and what to do.
 *
 * @param error what a command met with
 * @param connectionError what the connection last met with: it says more where there is no connection
 */
export function explainRedisError(error: unknown, connectionError: unknown): string {
  const isLost = /closed|isn't writeable|max retries|None of startup nodes|Failed to refresh slots/i.test(
    messageOf(error),
  );
  const subject = isLost ? (connectionError ?? error) : error;
  const message = messageOf(subject);
  const code = codeOf(subject);
  // Redis' own errors begin with a word in capitals.
  const name = typeof code === 'string' ? code : /^[A-Z]+(?= )/.exec(message)?.[0];
  if (message.includes('timed out') || message.includes('ETIMEDOUT') || message.includes('timeout')) {
    return `no answer within ${COMMAND_TIMEOUT_MILLISECONDS} ms: is it stopped, overloaded or cut off?`;
  }
  // The same of a command within a script, in Redis 7.
  if (message.includes("can't run this command")) return forbidden;
  return explanations[name ?? ''] ?? message;
}

const password = 'it refuses the user or the password: correct replay.username and replay.password_file';
const forbidden =
  'this user of Redis may not do what is needed: +hsetnx +hmget +hset +hdel +pexpireat +get +set +zadd +zcard +zrange +zpopmin +eval +info +time (+cluster) on the keys of replay.prefix';
const moving = 'the cluster is moving its data: this passes by itself';
const untrusted = 'its certificate is not trusted: name the authority that signed it in replay.ca_file';
const explanations: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there: start Redis, or correct replay.url',
  ENOENT: 'there is no such socket: start Redis, or correct replay.url',
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
