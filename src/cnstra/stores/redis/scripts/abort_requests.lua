-- Finds the runs of one worker that it is asked to abort.
-- KEYS: ABORTS
-- ARGV: the worker
-- Returns their ids.
local group = #ARGV[1] .. ':' .. ARGV[1]
local ids = redis.call('ZRANGEBYLEX', KEYS[1], '[' .. group, '(' .. group .. '\255')
for i, member in ipairs(ids) do
  ids[i] = string.sub(member, #group + 1)
end
return ids
