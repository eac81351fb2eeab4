import {
  KNOWN_MILLISECONDS,
  type Attempt,
  type AttemptCounters,
  type CountedAttempt,
} from '../../../passwords/throttle/attempt-counters.js';
import { RedisConnection, type Command } from '../connection.js';
import { newMark } from '../epochs.js';
import { parseFlag, UnexpectedReplyError } from '../replies.js';
import type { RedisSettings } from '../settings.js';

/**
 * Counts an attempt in all buckets, or in none if a limit is reached. A bucket holds its count and the end of its window. That is also its
 * expiry, set in the same command as the count, so that no bucket can stay without one.
 *
 * KEYS: the buckets, and the known login if there may be one, with which the last bucket does not count.
 * ARGV: the mark of this call, the length of the window (in ms), the limit of each bucket.
 * Returns the mark, and the ends of the windows in ms; only the mark if a limit is reached.
 */
const COUNT = `
local time, window = redis.call('TIME'), tonumber(ARGV[2])
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local size = #ARGV - 2
if KEYS[size + 1] and redis.call('GET', KEYS[size + 1]) then size = size - 1 end
local counts, answer = {}, { ARGV[1] }
for index = 1, size do
    local count, expiry = string.match(redis.call('GET', KEYS[index]) or '', '^(%d+) (%d+)$')
    count, expiry = tonumber(count) or 0, tonumber(expiry) or 0
    if expiry <= now or expiry > now + window then count, expiry = 0, now + window end
    if count >= tonumber(ARGV[index + 2]) then return { ARGV[1] } end
    counts[index], answer[index + 1] = count + 1, string.format('%.0f', expiry)
end
for index = 1, size do
    local expiry = answer[index + 1]
    redis.call('SET', KEYS[index], counts[index] .. ' ' .. expiry, 'PXAT', expiry)
end
return answer
`;

/**
 * Releases an attempt in the windows that go on.
 *
 * KEYS: the buckets, and the login if it becomes known.
 * ARGV: how long the login is known (in ms), the ends of the windows of the buckets.
 * Returns 1.
 */
const RELEASE = `
for index = 1, #ARGV - 1 do
    local expiry = ARGV[index + 1]
    local count, found = string.match(redis.call('GET', KEYS[index]) or '', '^(%d+) (%d+)$')
    if found == expiry and tonumber(count) > 0 then
        redis.call('SET', KEYS[index], (count - 1) .. ' ' .. expiry, 'PXAT', expiry)
    end
end
if KEYS[#ARGV] then redis.call('SET', KEYS[#ARGV], '1', 'PX', ARGV[1]) end
return 1
`;

/**
 * Counts attempts in Redis, for any number of processes: one round trip before the check of a password, and at most one after it. A
 * cluster keeps all of them on one node, as a script can't count on several.
 */
export class RedisAttemptCounters implements AttemptCounters {
  readonly #prefix: string;
  readonly #connection: RedisConnection;

  /** @param settings the server; the connection is opened at once, and again whenever it is lost */
  constructor(settings: RedisSettings) {
    this.#prefix = `${settings.prefix}{passwords}:`;
    this.#connection = new RedisConnection(settings);
  }

  count(attempt: Attempt): Promise<CountedAttempt | undefined> {
    const mark = newMark();
    const { limits, buckets, login } = attempt;
    const keys = this.#bucketsOf(attempt);
    if (login !== undefined) keys.push(this.#loginOf(login));
    const args = [mark, limits.window, ...buckets.map(({ limit }) => limits[limit])];
    return this.#connection.request(async () => {
      const ends = parseEnds(await this.#eval(COUNT, keys, args), mark, buckets.length);
      return ends.length === 0 ? undefined : { attempt, ends };
    });
  }

  async release({ attempt, ends }: CountedAttempt, isKnown: boolean): Promise<void> {
    const keys = this.#bucketsOf(attempt).slice(0, ends.length);
    if (isKnown && attempt.login !== undefined) keys.push(this.#loginOf(attempt.login));
    await this.#connection.request(async () => {
      parseFlag(await this.#eval(RELEASE, keys, [KNOWN_MILLISECONDS, ...ends]));
    });
  }

  close(): Promise<void> {
    this.#connection.close();
    return Promise.resolve();
  }

  async #eval(script: string, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    const command: Command = ['eval', script, keys.length, ...keys, ...args];
    return (await this.#connection.run([command]))[0];
  }

  /** Windows of different lengths are counted separately. */
  #bucketsOf({ buckets, limits }: Attempt): string[] {
    return buckets.map(({ limit, name }) => `${this.#prefix}${limit}:${limits.window}:${name}`);
  }

  #loginOf(login: string): string {
    return `${this.#prefix}known:${login}`;
  }
}

/** Parses the reply of `COUNT`. @throws {@link UnexpectedReplyError} */
function parseEnds(reply: unknown, mark: string, max: number): number[] {
  if (!Array.isArray(reply)) throw new UnexpectedReplyError('not an array');
  const [received, ...ends] = reply as unknown[];
  if (received !== mark || ends.length > max) throw new UnexpectedReplyError('the reply to another attempt');
  return ends.map((end) => {
    if (typeof end !== 'string' || !/^\d{1,16}$/.test(end)) {
      throw new UnexpectedReplyError('the end of a window');
    }
    return Number(end);
  });
}
