-- Reads signals of runs.
-- KEYS: of each run: signals
-- ARGV: of each run: ordinals, packed
-- Returns of each run the signals, or what went wrong.
local function read(key, ordinals)
  return redis.call('HMGET', key, unpack(ordinals))
end

local runs = {}
for i, key in ipairs(KEYS) do
  local fine, result = pcall(read, key, cmsgpack.unpack(ARGV[i]))
  runs[i] = fine and result or type(result) == 'table' and result.err or tostring(result)
end
return runs
