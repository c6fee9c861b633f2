-- Tells when the next run is due that is not due yet.
-- KEYS: DUE
-- Returns in how many seconds, or false.
local clock = redis.call('TIME')
local now = string.format('%s.%06d', clock[1], clock[2])
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2]
return due and string.format('%.6f', tonumber(due) - tonumber(now))
