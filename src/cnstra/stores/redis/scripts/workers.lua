-- Reads all workers.
-- KEYS: workers, leases
-- Returns the time; the workers by id; the leases by id.
local clock = redis.call('TIME')
return {
  string.format('%s.%06d', clock[1], clock[2]),
  redis.call('HGETALL', KEYS[1]),
  redis.call('ZRANGE', KEYS[2], 0, -1, 'WITHSCORES'),
}
