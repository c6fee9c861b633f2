-- Reads a part of the history of a run.
-- KEYS: history
-- ARGV: first and last place
return redis.call('LRANGE', KEYS[1], ARGV[1], ARGV[2])
