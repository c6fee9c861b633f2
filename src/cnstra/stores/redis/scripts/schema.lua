-- Tells the version of the schema, and writes it down where there is none.
-- KEYS: version
-- ARGV: the version of this code
redis.call('SET', KEYS[1], ARGV[1], 'NX')
return redis.call('GET', KEYS[1])
