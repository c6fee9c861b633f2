-- Drops a run with everything of it.
-- KEYS: the indexes; run, signals, history, failures, attempts
-- ARGV: channel, message; the owner that was found not to live, or ""; the id
-- Returns 2 if that was done; 0 if the run is unknown; 1 if another owner holds it.
local RUN = KEYS[FIRST]
local kind = redis.call('TYPE', RUN).ok
if kind == 'none' then
  return 0
end
if (kind == 'hash' and redis.call('HGET', RUN, 'owner') or '') ~= ARGV[3] then
  return 1
end
local run = kind == 'hash' and load(RUN) or {} -- it may be anything: deleting is what helps then
run.id, run.number, run.priority = ARGV[4], tonumber(run.number) or 0, tonumber(run.priority) or 0
leave_indexes(run)
if run.limit_key then
  tell()
end
redis.call('UNLINK', unpack(KEYS, FIRST)) -- its memory is freed by another thread of the server, however much it is
return 2
