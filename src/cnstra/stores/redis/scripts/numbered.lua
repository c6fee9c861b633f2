-- Finds the running run with a number.
-- KEYS: WITH running
-- ARGV: the number
-- Returns its id, or false.
return redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[1], ARGV[1])[1]
