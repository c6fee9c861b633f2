-- Before every script that moves runs: the indexes of the scope, which are the first eleven keys, and telling others of a
-- change, for which the first two arguments are the channel and the message. After clock.lua.
--
-- OPEN   lexicographic: runs that may be claimed now or are running, "<group><place>"; the group is "-" for a run that
--        is free, and "<length of its name>:<name>" of the worker that holds it
-- DUE    "<place>" of pending runs that are not due yet, by when they are
-- ABORTS lexicographic: "<group><id>" of running runs that their workers are asked to abort
-- WITH   by status: the ids of the runs in it, by number
-- ENDED  by final status: the ids of the runs in it, by when they ended
--
-- The place of a run is 16 digits that fall with its priority, 16 digits of its number, and its id.
local OPEN, DUE, ABORTS = KEYS[1], KEYS[2], KEYS[3]
local WITH = { pending = KEYS[4], running = KEYS[5], completed = KEYS[6], failed = KEYS[7], aborted = KEYS[8] }
local ENDED = { completed = KEYS[9], failed = KEYS[10], aborted = KEYS[11] }
local FIRST = 12 -- the first key that is no index

local function group_of(owner)
  return owner and #owner .. ':' .. owner or '-'
end

local function place_of(run)
  return string.format('%016.0f%016.0f', 2 ^ 52 - tonumber(run.priority), tonumber(run.number)) .. run.id
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
    redis.call('ZADD', DUE, run.due, place_of(run))
  else
    redis.call('ZADD', OPEN, 0, group_of(run.owner) .. place_of(run))
  end
end
