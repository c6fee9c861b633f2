-- Tells how far what goes by the clock has come.
-- KEYS: the marks
-- ARGV: the name
-- Returns the mark, or false.
return redis.call('HGET', KEYS[1], ARGV[1])
