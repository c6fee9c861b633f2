-- Stores a new run.
-- KEYS: the indexes; the counter of the scope; run, signals, history, failures, attempts
-- ARGV: channel, message; the worker or ""; a header (packed) of how many values of each kind follow: its own fields; tasks and
--       contexts; signals by ordinal; failures by ordinal
-- Returns false if the id is taken, else the fields of the run.
local COUNTER, RUN, SIGNALS, HISTORY, FAILURES, ATTEMPTS = unpack(KEYS, FIRST)
if redis.call('EXISTS', RUN) == 1 then
  return false
end
local own, fields, signals, failures = unpack(cmsgpack.unpack(ARGV[4]))
local run = {}
for i = 5, 4 + own, 2 do
  run[ARGV[i]] = ARGV[i + 1]
end
run.number = string.format('%.0f', redis.call('INCR', COUNTER))
redis.call('UNLINK', SIGNALS, HISTORY, FAILURES, ATTEMPTS) -- what somebody who deleted the run by hand has left
run.status, run.created, run.fence, run.sequence, run.hops = 'pending', NOW, '0', '0', '0'
run.attempt, run.recoveries, run.starts = '0', '0', '0'
if ARGV[3] ~= '' then
  start(run, ATTEMPTS, ARGV[3])
end
save(RUN, run)
give('HSET', RUN, 5 + own, fields)
give('HSET', SIGNALS, 5 + own + fields, signals)
give('HSET', FAILURES, 5 + own + fields + signals, failures)
enter_indexes(run)
if run.status == 'pending' then
  tell()
end
return values_of(run)
