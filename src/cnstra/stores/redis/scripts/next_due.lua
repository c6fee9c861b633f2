-- Tells when the next run is due that no claim has seen due.
-- KEYS: DUE
-- Returns in how many seconds, or false.
local due = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
return due and string.format('%.6f', math.max(0, tonumber(due) - tonumber(NOW)))
