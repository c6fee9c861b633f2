-- Tells who holds a run.
-- KEYS: run
-- Returns the worker, "" if nobody does, or false if the run is unknown.
local kind = redis.call('TYPE', KEYS[1]).ok
return kind ~= 'none' and (kind == 'hash' and redis.call('HGET', KEYS[1], 'owner') or '')
