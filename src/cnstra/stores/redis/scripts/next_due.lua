-- Tells when the next run is due that is not due yet.
-- KEYS: DUE
-- Returns in how many seconds, or false.
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. NOW, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2]
return due and string.format('%.6f', tonumber(due) - tonumber(NOW))
