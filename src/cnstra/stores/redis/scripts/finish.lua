-- Applies deltas like commit.lua; some of them end an attempt, and with it the run, or give the run back.
-- KEYS: the indexes; of each delta: run, signals, history, failures, attempts
-- ARGV: channel, message; the deltas; the values of an end are the status of the run, that of the attempt, the error or "",
--       and after how many seconds the run is to be tried again, or ""
local freed = false

local function finish_attempt(at, status, attempt_status, failure, delay)
  local key, failures, attempts = KEYS[at], KEYS[at + 3], KEYS[at + 4]
  local run = load(key)
  leave_indexes(run)
  close_attempt(run, attempts, attempt_status, failure ~= '' and failure)
  if attempt_status == 'interrupted' then
    run.starts = count(run.starts, -1)
  end
  if delay ~= '' then
    run.due = string.format('%.6f', tonumber(NOW) + tonumber(delay))
    redis.call('UNLINK', failures)
  end
  finish(run, status)
  save(key, run)
  enter_indexes(run)
  freed = freed or status == 'pending' or run.limit_key
end

local outcome = apply_each(3, FIRST, function(at, header, first)
  local applied, ended = hop(at, header, first)
  if ended and header[#header] > 0 then
    finish_attempt(at, unpack(ARGV, ended, ended + 3))
  end
  return applied
end)
if freed then
  tell()
end
return outcome
