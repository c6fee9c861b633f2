-- Applies deltas like commit.lua; some of them end an attempt, and with it the run, or give the run back.
-- KEYS: the indexes; of each delta: run, signals, history, failures, attempts
-- ARGV: channel, message; the deltas; the values of an end are the status of the run, that of the attempt, the error or ""
local freed = false

local function finish_attempt(key, attempts, status, attempt_status, failure)
  local run = load(key)
  leave_indexes(run)
  close_attempt(run, attempts, attempt_status, failure ~= '' and failure)
  finish(run, status)
  save(key, run)
  enter_indexes(run)
  freed = freed or status == 'pending'
end

local outcome = apply_each(3, FIRST, function(at, header, first)
  local applied, ended = hop(at, header, first)
  if ended and header[#header] > 0 then
    finish_attempt(KEYS[at], KEYS[at + 4], ARGV[ended], ARGV[ended + 1], ARGV[ended + 2])
  end
  return applied
end)
if freed then
  tell()
end
return outcome
