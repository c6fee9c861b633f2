-- Takes those of some runs that still stand in OPEN or KEYED as they did when they were found: nobody has taken them since,
-- and the limit of their key lets them start.
-- KEYS: the indexes; of each run: run, attempts
-- ARGV: the worker; how many to take at most; how many recoveries a run may have in a row, or ""; the error of a run that
--       has had more; the limits of keys (packed); of each run: its member of OPEN or KEYED, and the error of a run with a requested abort, or ""
-- Returns of each run its fields if it was taken; 1 if it was ended instead; 0 if it is another's, or was not looked at.
local worker, most, max_recoveries, poisoned = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local limit_for = limits_of(ARGV[5])

local function ending(run, losses, aborted)
  if run.abort then
    return 'aborted', aborted
  end
  if max_recoveries and losses > max_recoveries then
    return 'failed', poisoned
  end
end

local function take(key, attempts, member, aborted)
  local run = load(key)
  local is_open = run and (run.status == 'pending' or run.status == 'running')
  local key_waited_for = is_open and run.status == 'pending' and run.limit_key
  local group = is_open and (key_waited_for and key_group(key_waited_for) or group_of(run.owner))
  if not is_open or member ~= group .. place_of(run) then
    redis.call('ZREM', OPEN, member) -- what somebody has left who changed the run by hand
    redis.call('ZREM', KEYED, member)
    if key_waited_for then -- a worker of an older version has given it back, and knew nothing of keys
      leave_indexes(run)
      enter_indexes(run)
    end
    return 0
  end
  if (run.abort ~= nil) ~= (aborted ~= '') then
    return 0 -- the request came since; it is seen the next time
  end
  if key_waited_for and aborted == '' and room_of(key_waited_for, limit_for(key_waited_for)) <= 0 then
    return 0 -- others of its key were faster
  end
  leave_indexes(run)
  local status, failure = ending(run, lose(run, attempts), aborted)
  if status then
    settle(run, attempts, status, failure)
  else
    start(run, attempts, worker)
  end
  save(key, run)
  enter_indexes(run)
  if key_waited_for then
    look_again(key_waited_for)
    if not status then
      log_start(key_waited_for, limit_for(key_waited_for))
    end
  end
  return status and 1 or values_of(run)
end

local outcome, taken = {}, 0
for i = 6, #ARGV, 2 do
  local result = 0
  local key = FIRST + i - 6
  if taken < most and (redis.call('ZSCORE', OPEN, ARGV[i]) or redis.call('ZSCORE', KEYED, ARGV[i])) then
    result = take(KEYS[key], KEYS[key + 1], ARGV[i], ARGV[i + 1])
    taken = taken + (type(result) == 'table' and 1 or 0)
  end
  outcome[#outcome + 1] = result
end
return outcome
