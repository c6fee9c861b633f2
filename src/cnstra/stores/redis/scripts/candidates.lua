-- Finds runs that may be claimed, the highest priority first and among these the oldest; changes none of them.
-- KEYS: the indexes
-- ARGV: how many; the numbers of runs to pass over (packed); the limits of keys (packed); the workers that live
-- Returns whether more runs have become due than one call takes in, and for each run its member of OPEN or KEYED, its id,
-- its number.
local RIPE_AT_ONCE = 1000
local most = tonumber(ARGV[1])

local ripe = redis.call('ZRANGEBYSCORE', DUE, '-inf', NOW, 'LIMIT', 0, RIPE_AT_ONCE)
for _, place in ipairs(ripe) do
  local length = string.match(place, '^=(%d+):')
  if length then
    redis.call('ZADD', KEYED, 0, string.sub(place, 2))
    look_again(string.sub(place, #length + 3, #length + 2 + tonumber(length)))
  else
    redis.call('ZADD', OPEN, 0, '-' .. place)
  end
  redis.call('ZREM', DUE, place)
end
if #ripe == RIPE_AT_ONCE then
  return { 1, {} }
end

local living, unfit = {}, {}
for _, number in ipairs(cmsgpack.unpack(ARGV[2])) do
  unfit[number] = true
end
for i = 4, #ARGV do
  living[ARGV[i]] = true
end

local found = {}
local function gather(index, group, wanted)
  local low, high = '[' .. group, '(' .. group .. '\255'
  while wanted > 0 do
    local members = redis.call('ZRANGEBYLEX', index, low, high, 'LIMIT', 0, most)
    for _, member in ipairs(members) do
      local place = string.sub(member, #group + 1)
      local priority, number = tonumber(string.sub(place, 1, 16)), tonumber(string.sub(place, 17, 32))
      if wanted > 0 and number and not unfit[number] then
        found[#found + 1] = { priority, number, member, string.sub(place, 33) }
        wanted = wanted - 1
      end
    end
    if #members < most then
      return
    end
    low = '(' .. members[#members]
  end
end

gather(OPEN, '-', most)
local after = '(-\255'
while true do
  local member = redis.call('ZRANGEBYLEX', OPEN, after, '+', 'LIMIT', 0, 1)[1]
  if not member then
    break
  end
  local length = string.match(member, '^(%d+):')
  local group = length and string.sub(member, 1, #length + 1 + tonumber(length)) or member
  if length and not living[string.sub(group, #length + 2)] then
    gather(OPEN, group, most)
  end
  after = '(' .. group .. '\255'
end

local limit_for = limits_of(ARGV[3])
look_at_paces(limit_for)
local looked_at, past = 0, '-'
while looked_at < most do
  local members = redis.call('ZRANGEBYLEX', READY, past, '+', 'LIMIT', 0, most)
  for _, member in ipairs(members) do
    local key = string.sub(member, 33)
    local limit = limit_for(key)
    local room = room_of(key, limit)
    if room > 0 then
      gather(KEYED, key_group(key), math.min(room, most))
      looked_at = looked_at + 1
    else
      leave_alone(key, limit)
    end
  end
  if #members < most then
    break
  end
  past = '(' .. members[#members]
end

table.sort(found, function(one, other)
  if one[1] ~= other[1] then
    return one[1] < other[1]
  end
  return one[2] < other[2]
end)
local runs = {}
for i = 1, math.min(most, #found) do
  runs[i] = { found[i][3], found[i][4], found[i][2] }
end
return { 0, runs }
