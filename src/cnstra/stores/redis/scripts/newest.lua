-- Finds the newest runs.
-- KEYS: WITH of some statuses
-- ARGV: below which number; how many at most
-- Returns their ids and numbers, the newest first.
local most = tonumber(ARGV[2])
local found = {}
for _, index in ipairs(KEYS) do
  local newest = redis.call('ZREVRANGEBYSCORE', index, '(' .. ARGV[1], '-inf', 'WITHSCORES', 'LIMIT', 0, most)
  for i = 1, #newest, 2 do
    found[#found + 1] = { newest[i], newest[i + 1] }
  end
end
table.sort(found, function(one, other)
  return tonumber(one[2]) > tonumber(other[2])
end)
local runs = {}
for i = 1, math.min(most, #found) do
  runs[i] = found[i]
end
return runs
