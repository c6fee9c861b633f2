-- Before every script that moves runs: the indexes of the scope, which are the first seventeen keys, and telling others of a
-- change, for which the first two arguments are the channel and the message. After clock.lua.
--
-- OPEN   lexicographic: runs that may be claimed now or are running, "<group><place>"; the group is "-" for a run that
--        is free, and "<length of its name>:<name>" of the worker that holds it
-- DUE    "<place>" of pending runs that are not due yet, by when they are; with a key "=<key group><place>"
-- ABORTS lexicographic: "<group><id>" of running runs that their workers are asked to abort
-- WITH   by status: the ids of the runs in it, by number
-- ENDED  by final status: the ids of the runs in it, by when they ended
-- KEYED  lexicographic: "<key group><place>" of pending runs that are due and have a key, by which they are limited; the
--        key group is "<length of the key>:<key>:"
-- SLOTS  lexicographic: "<key group><id>" of running runs that have a key
-- READY  lexicographic: "<32 digits of the first place that waits><key>" of keys that the next claim looks at
-- HEADS  by key: its member of READY
-- PACES  keys, by when to look again since their rate counts less then
-- STARTS by key: those that its rate counts; see limits.lua
--
-- The place of a run is 16 digits that fall with its priority, 16 digits of its number, and its id.
local OPEN, DUE, ABORTS = KEYS[1], KEYS[2], KEYS[3]
local WITH = { pending = KEYS[4], running = KEYS[5], completed = KEYS[6], failed = KEYS[7], aborted = KEYS[8] }
local ENDED = { completed = KEYS[9], failed = KEYS[10], aborted = KEYS[11] }
local KEYED, SLOTS, READY, HEADS, PACES, STARTS = unpack(KEYS, 12, 17)
local FIRST = 18 -- the first key that is no index

local function group_of(owner)
  return owner and #owner .. ':' .. owner or '-'
end

local function place_of(run)
  return string.format('%016.0f%016.0f', 2 ^ 52 - tonumber(run.priority), tonumber(run.number)) .. run.id
end

local function key_group(key)
  return #key .. ':' .. key .. ':'
end

-- Has the next claim look at a key; tells whether anything waits there.
local function look_again(key)
  local group, old = key_group(key), redis.call('HGET', HEADS, key)
  local first = redis.call('ZRANGEBYLEX', KEYED, '[' .. group, '(' .. group .. '\255', 'LIMIT', 0, 1)[1]
  local member = first and string.sub(first, #group + 1, #group + 32) .. key
  if old and old ~= member then
    redis.call('ZREM', READY, old)
    redis.call('HDEL', HEADS, key)
  end
  if member then
    redis.call('ZADD', READY, 0, member)
    redis.call('HSET', HEADS, key, member)
  end
  return member ~= nil
end

-- A message tells those who wait that something may have changed. It comes last, and may be forbidden to this user:
-- then they look again after a while.
local function tell()
  redis.pcall('PUBLISH', ARGV[1], ARGV[2])
end

local function leave_indexes(run)
  local place = place_of(run)
  redis.call('ZREM', OPEN, group_of(run.owner) .. place)
  redis.call('ZREM', DUE, place)
  if run.limit_key then
    local group = key_group(run.limit_key)
    redis.call('ZREM', DUE, '=' .. group .. place)
    redis.call('ZREM', KEYED, group .. place)
    if redis.call('ZREM', SLOTS, group .. run.id) == 1 then
      look_again(run.limit_key)
    end
  end
  if run.owner then
    redis.call('ZREM', ABORTS, group_of(run.owner) .. run.id)
  end
  for status, index in pairs(WITH) do
    if status == run.status or not WITH[run.status] then
      redis.call('ZREM', index, run.id)
      if ENDED[status] then
        redis.call('ZREM', ENDED[status], run.id)
      end
    end
  end
end

local function enter_indexes(run)
  redis.call('ZADD', WITH[run.status], run.number, run.id)
  if ENDED[run.status] then
    redis.call('ZADD', ENDED[run.status], run.ended, run.id)
  elseif run.status == 'pending' and run.due and tonumber(run.due) > tonumber(NOW) then
    redis.call('ZADD', DUE, run.due, (run.limit_key and '=' .. key_group(run.limit_key) or '') .. place_of(run))
  elseif run.status == 'pending' and run.limit_key then
    redis.call('ZADD', KEYED, 0, key_group(run.limit_key) .. place_of(run))
    look_again(run.limit_key)
  else
    redis.call('ZADD', OPEN, 0, group_of(run.owner) .. place_of(run))
    if run.limit_key then
      redis.call('ZADD', SLOTS, 0, key_group(run.limit_key) .. run.id)
    end
  end
end
