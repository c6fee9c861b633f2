-- Finds the workers whose lease lasts.
-- KEYS: leases
-- Returns their ids.
local clock = redis.call('TIME')
return redis.call('ZRANGEBYSCORE', KEYS[1], string.format('(%s.%06d', clock[1], clock[2]), '+inf')
