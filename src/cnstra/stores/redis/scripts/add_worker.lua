-- Inserts or replaces a worker.
-- KEYS: workers, leases
-- ARGV: its id; the rest of it, packed; its lease in seconds
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], string.format('%.6f', tonumber(NOW) + tonumber(ARGV[3])), ARGV[1])
