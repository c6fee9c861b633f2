-- Counts the runs of a scope.
-- KEYS: WITH of every status
-- Returns the counts, in the order of the keys; the id of the oldest pending and of the oldest running run, or "".
local counts = {}
for i, index in ipairs(KEYS) do
  counts[i] = redis.call('ZCARD', index)
end
local pending, running = redis.call('ZRANGE', KEYS[1], 0, 0)[1], redis.call('ZRANGE', KEYS[2], 0, 0)[1]
return { counts, pending or '', running or '' }
