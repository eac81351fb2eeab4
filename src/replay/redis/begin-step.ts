/**
 * Begins a time step on the Redis server that keeps the claims of its tokens, and says what the signs of steps hold there. A claim
 * itself needs no script: it comes here only where it does not find the sign that it expects, or where nobody has looked at
 * the server for a second: whenever a step begins, and whenever something has happened to the data.
 *
 * The record stands on these:
 * - `began` says which run of which server (run_id) with which history (master_replid) it began on, after how many swaps of
 *   databases (SWAPDB), and when. It is missing after a flush or a start without data, and speaks of another server after any
 *   restart, which may have lost the last writes, and after a failover, which may, too. One there and back has the same run of the
 *   same server, but another history. A database that was swapped away and back is what it was, and lacks what was written meanwhile:
 *   the server counts the swaps. As CONFIG RESETSTAT sets that count to zero, each process also says since when the record was
 *   complete when it last looked: an earlier instant is that of older data.
 * - `steps` has the steps that were ever begun. A step is begun once.
 * - the hashes of a step hold its tokens, and its sign: what `began` held. Both are there, or neither: they expire together,
 *   by the clock of Redis. A hash that has expired is made anew by the next claim, but without a sign; its step is among
 *   those that were begun, and is not begun again.
 *
 * KEYS: began, steps, the hashes of the step; without these, only the record begins.
 * ARGV: the step, when its hashes expire, our time, how far clocks may differ, a step's length (all in ms), the deviation in steps, how many
 * steps are kept, since when the record was complete as far as this process knows (in ms), what only this call knows.
 * Returns the latter, what `began` holds (empty where the server is not fit), Redis' time in ms, and its eviction policy.
 */
export const BEGIN_STEP = `
local function find(section, pattern) return string.match(redis.call('INFO', section), pattern) or '' end
local step, expiry, client, tolerance = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local policy = find('memory', 'maxmemory_policy:([%w-]+)')
for index = 3, #KEYS do redis.call('PEXPIREAT', KEYS[index], expiry) end
if math.abs(client - now) > tolerance or policy ~= 'noeviction' then return { ARGV[9], '', now, policy } end

local identity = find('server', 'run_id:(%w+)') .. '-' .. find('replication', 'master_replid:(%w+)')
local swaps, known = find('commandstats', 'cmdstat_swapdb:calls=(%d+)'), tonumber(ARGV[8])
if swaps ~= '' then identity = identity .. '-' .. swaps end
local began = redis.call('GET', KEYS[1])
local earlier = tonumber(string.match(began or '', ' (%d+)$')) or 0
if not began or string.match(began, '^%S*') ~= identity or earlier < known then
    began = string.format('%s %.0f', identity, math.max(now, client, earlier, known))
    redis.call('SET', KEYS[1], began)
end
local answer = { ARGV[9], began, now, policy }
local horizon = tonumber(string.match(began, '%d+$'))
if #KEYS == 2 or tonumber(expiry) <= now then return answer end
if step <= math.floor((horizon + tolerance) / ARGV[5]) + ARGV[6] then return answer end

local isFull = redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[7])
if isFull and step < tonumber(redis.call('ZRANGE', KEYS[2], 0, 0)[1]) then return answer end
if redis.call('ZADD', KEYS[2], 'NX', step, step) == 0 then return answer end
for index = 3, #KEYS do
    redis.call('HSET', KEYS[index], 'sign', began)
    redis.call('PEXPIREAT', KEYS[index], expiry)
end
if isFull then redis.call('ZPOPMIN', KEYS[2]) end
return answer
`;
