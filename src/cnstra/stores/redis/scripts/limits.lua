-- The limits of keys: after clock.lua and indexes.lua.

-- The limits that a claim goes by, packed: of each its key or its pattern, and 0 where it has none: its concurrency, and
-- the starts and the seconds of its rate.
local function limits_of(packed)
  local exact, prefixes = {}, {}
  for _, one in ipairs(cmsgpack.unpack(packed)) do
    local limit = { concurrency = one[2], starts = one[3], seconds = one[4] }
    if string.sub(one[1], -1) == '*' then
      prefixes[#prefixes + 1] = { string.sub(one[1], 1, -2), limit }
    else
      exact[one[1]] = limit
    end
  end
  table.sort(prefixes, function(one, other)
    return #one[1] > #other[1]
  end)
  return function(key)
    if exact[key] then
      return exact[key]
    end
    for _, one in ipairs(prefixes) do
      if string.sub(key, 1, #one[1]) == one[1] then
        return one[2]
      end
    end
    return { concurrency = 0, starts = 0, seconds = 0 }
  end
end

-- The starts of a key that its rate still counts: times and counts in turn. What lies in the future was logged before the
-- clock was set back.
local function log_of(key, limit)
  local stored, log = redis.call('HGET', STARTS, key), {}
  local all, now = stored and cmsgpack.unpack(stored) or {}, tonumber(NOW)
  for i = 1, #all, 2 do
    if now - limit.seconds < all[i] and all[i] <= now + limit.seconds then
      log[#log + 1], log[#log + 2] = all[i], all[i + 1]
    end
  end
  return log
end

local function count_of(log)
  local sum = 0
  for i = 2, #log, 2 do
    sum = sum + log[i]
  end
  return sum
end

-- How many more runs of a key may start.
local function room_of(key, limit)
  local room = math.huge
  if limit.concurrency > 0 then
    local group = key_group(key)
    room = limit.concurrency - redis.call('ZLEXCOUNT', SLOTS, '[' .. group, '(' .. group .. '\255')
  end
  if limit.starts > 0 then
    room = math.min(room, limit.starts - count_of(log_of(key, limit)))
  end
  return room
end

-- Logs that a run of a key starts, as if at the end of a 64th of the seconds of its rate.
local function log_start(key, limit)
  if limit.starts == 0 then
    return
  end
  local log, grain = log_of(key, limit), limit.seconds / 64
  local at = math.ceil(tonumber(NOW) / grain) * grain
  if log[#log - 1] == at then
    log[#log] = log[#log] + 1
  else
    log[#log + 1], log[#log + 2] = at, 1
  end
  redis.call('HSET', STARTS, key, cmsgpack.pack(log))
  redis.call('ZADD', PACES, 'NX', string.format('%.6f', at + limit.seconds), key)
end

-- Leaves a key at its limit alone, until a run of it ends or its rate lets one start.
local function leave_alone(key, limit)
  redis.call('ZREM', READY, redis.call('HGET', HEADS, key) or '')
  redis.call('HDEL', HEADS, key)
  local log = log_of(key, limit)
  local left = count_of(log)
  if limit.starts == 0 or left < limit.starts then
    return
  end
  for i = 1, #log, 2 do
    left = left - log[i + 1]
    if left < limit.starts then
      redis.call('ZADD', PACES, string.format('%.6f', log[i] + limit.seconds), key)
      return
    end
  end
end

-- Looks again at the keys whose rate lets a run start by now, and forgets the starts of those that count no more.
local function look_at_paces(limit_for)
  for _, key in ipairs(redis.call('ZRANGEBYSCORE', PACES, '-inf', NOW, 'LIMIT', 0, 1000)) do
    redis.call('ZREM', PACES, key)
    local limit = limit_for(key)
    local log = log_of(key, limit)
    if #log == 0 then
      redis.call('HDEL', STARTS, key)
    elseif not look_again(key) then
      redis.call('ZADD', PACES, string.format('%.6f', log[#log - 1] + limit.seconds), key)
    end
    look_again(key)
  end
end
