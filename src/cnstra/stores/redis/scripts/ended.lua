-- Finds the runs that ended the longest ago.
-- KEYS: ENDED of some statuses
-- ARGV: how many seconds ago they must have ended; how many of the latest to leave out; how many to find at most
-- Returns of each its id, which of the keys it is in, and when it ended.
local before = string.format('(%.6f', tonumber(NOW) - tonumber(ARGV[1]))
local all = 0
for _, index in ipairs(KEYS) do
  all = all + redis.call('ZCARD', index)
end
local most = math.min(all - tonumber(ARGV[2]), tonumber(ARGV[3]))
if most <= 0 then
  return {}
end
local found = {}
for key, index in ipairs(KEYS) do
  local ended = redis.call('ZRANGEBYSCORE', index, '-inf', before, 'WITHSCORES', 'LIMIT', 0, most)
  for i = 1, #ended, 2 do
    found[#found + 1] = { ended[i], key, ended[i + 1] }
  end
end
table.sort(found, function(one, other)
  return tonumber(one[3]) < tonumber(other[3])
end)
local runs = {}
for i = 1, math.min(most, #found) do
  runs[i] = found[i]
end
return runs
