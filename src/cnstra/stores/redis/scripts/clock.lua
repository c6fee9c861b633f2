-- The time, which is the server's, in seconds since the epoch.
local clock = redis.call('TIME')
local NOW = string.format('%s.%06d', clock[1], clock[2])
