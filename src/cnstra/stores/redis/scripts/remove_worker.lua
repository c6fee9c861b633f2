-- Drops a worker.
-- KEYS: workers, leases
-- ARGV: its id; channel; message
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.pcall('PUBLISH', ARGV[2], ARGV[3])
