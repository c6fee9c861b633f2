-- Reads all workers.
-- KEYS: workers, leases
-- Returns the time; the workers by id; the leases by id.
return {
  NOW,
  redis.call('HGETALL', KEYS[1]),
  redis.call('ZRANGE', KEYS[2], 0, -1, 'WITHSCORES'),
}
