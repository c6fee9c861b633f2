-- Tells when the next run is due that no claim has seen due, or when the rate of a key counts less.
-- KEYS: DUE, PACES
-- Returns in how many seconds, or false.
local due = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
local pace = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')[2]
local at = math.min(tonumber(due or math.huge), tonumber(pace or math.huge))
return at < math.huge and string.format('%.6f', math.max(0, at - tonumber(NOW)))
