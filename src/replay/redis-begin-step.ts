/**
 * Begins a time step on the Redis server that keeps the claims of its tokens. A claim itself needs no script: it asks for the
 * step's sign along with `SET … NX`, and comes here only where that is not the one that it expects: once for each step and
 * process, and whenever something has happened to the data.
 *
 * The record stands on three kinds of entries beside the tokens:
 * - `began` says which run of which server it began on, and when: it is missing after a flush or a start without data, and
 *   speaks of another server after any restart (which may have lost the last writes) and after a failover (which may, too).
 * - `steps` has the steps that were ever begun. A step is begun once.
 * - the step's sign holds what `began` held, and lives less long than the step's tokens: if it is there, so are they. If a
 *   clock that ran ahead has let it expire, its step is among those that were begun, and is not begun again.
 *
 * KEYS: began, steps, the step's sign, the token that was claimed: where it is not, the claim went to another server.
 * ARGV: the step, a step's length in ms, the deviation in steps, how far clocks may differ in ms, for how long the sign lives in
 * ms, how many steps are kept.
 * Returns what the sign holds (empty where the step is before the horizon, or the token is not there), Redis' time in ms, and its eviction policy.
 */
export const BEGIN_STEP = `
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local policy = string.match(redis.call('INFO', 'memory'), 'maxmemory_policy:([%w-]+)')
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local step, length, deviation, tolerance = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])

if redis.call('EXISTS', KEYS[4]) == 0 then return { '', now, policy } end
local began = redis.call('GET', KEYS[1])
if not began or string.match(began, '^%w+') ~= run then
    began = string.format('%s %.0f', run, now)
    redis.call('SET', KEYS[1], began)
end
local horizon = tonumber(string.match(began, '%d+$'))
if step <= math.floor((horizon + tolerance) / length) + deviation then return { '', now, policy } end

local isFull = redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[6])
if isFull and step < tonumber(redis.call('ZRANGE', KEYS[2], 0, 0)[1]) then return { '', now, policy } end
if redis.call('ZADD', KEYS[2], 'NX', step, step) == 1 then
    redis.call('SET', KEYS[3], began, 'PX', ARGV[5])
    if isFull then redis.call('ZPOPMIN', KEYS[2]) end
    return { began, now, policy }
end
if redis.call('GET', KEYS[3]) == began then return { began, now, policy } end
return { '', now, policy }
`;
