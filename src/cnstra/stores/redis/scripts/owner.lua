-- Tells who holds a run.
-- KEYS: run
-- Returns the worker, "" if nobody does, or false if the run is unknown.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return false
end
return redis.call('HGET', KEYS[1], 'owner') or ''
