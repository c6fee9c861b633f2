-- Asks whoever holds a run to abort it.
-- KEYS: the indexes; run
-- ARGV: channel, message; the reason
-- Returns 0 if the run is over or unknown.
local RUN = KEYS[FIRST]
local status, owner, id = unpack(redis.call('HMGET', RUN, 'status', 'owner', 'id'))
if status ~= 'pending' and status ~= 'running' then
  return 0
end
if redis.call('HSETNX', RUN, 'abort', ARGV[3]) == 1 and owner then
  redis.call('ZADD', ABORTS, 0, group_of(owner) .. id)
end
tell()
return 1
