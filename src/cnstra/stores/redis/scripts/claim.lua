-- Takes those of some runs that still stand in OPEN as they did when they were found: nobody has taken them since.
-- KEYS: the indexes; of each run: run, attempts
-- ARGV: the worker; how many to take at most; how many recoveries a run may have in a row, or ""; the error of a run that
--       has had more; of each run: its member of OPEN, and the error of a run with a requested abort, or ""
-- Returns of each run its fields if it was taken; 1 if it was ended instead; 0 if it is another's, or was not looked at.
local worker, most, max_recoveries, poisoned = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]

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
  if not is_open or member ~= group_of(run.owner) .. place_of(run) then
    redis.call('ZREM', OPEN, member) -- what somebody has left who changed the run by hand
    return 0
  end
  if (run.abort ~= nil) ~= (aborted ~= '') then
    return 0 -- the request came since; it is seen the next time
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
  return status and 1 or values_of(run)
end

local outcome, taken = {}, 0
for i = 5, #ARGV, 2 do
  local result = 0
  local key = FIRST + i - 5
  if taken < most and redis.call('ZSCORE', OPEN, ARGV[i]) then
    result = take(KEYS[key], KEYS[key + 1], ARGV[i], ARGV[i + 1])
    taken = taken + (type(result) == 'table' and 1 or 0)
  end
  outcome[#outcome + 1] = result
end
return outcome
