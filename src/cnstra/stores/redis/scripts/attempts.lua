-- Reads the attempts of a run.
-- KEYS: run, attempts
-- Returns the fields of the attempts with their values, "<number>:<name>"; how many hops the latest has so far.
local hops, before = unpack(redis.call('HMGET', KEYS[1], 'hops', 'hops_before'))
return { redis.call('HGETALL', KEYS[2]), (tonumber(hops) or 0) - (tonumber(before) or 0) }
