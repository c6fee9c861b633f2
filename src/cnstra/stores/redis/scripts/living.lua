-- Finds the workers whose lease lasts.
-- KEYS: leases
-- Returns their ids.
return redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. NOW, '+inf')
