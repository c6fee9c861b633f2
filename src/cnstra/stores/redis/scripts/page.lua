-- Reads a part of a hash that is too large for one script.
-- KEYS: the hash
-- ARGV: where to go on, "0" at first; about how many fields
-- Returns where to go on, "0" at the end, and fields with their values.
return redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
