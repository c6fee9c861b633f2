-- Gives a run that is not over another status.
-- KEYS: the indexes; run, attempts
-- ARGV: channel, message; the owner that was found not to live, or ""; status; the error, or ""
-- Returns 2 if that was done; 0 if the run is over or unknown; 1 if another owner holds it.
local RUN, ATTEMPTS = unpack(KEYS, FIRST)
local run = load(RUN)
if not run or (run.status ~= 'pending' and run.status ~= 'running') then
  return 0
end
if (run.owner or '') ~= ARGV[3] then
  return 1
end
leave_indexes(run)
settle(run, ATTEMPTS, ARGV[4], ARGV[5] ~= '' and ARGV[5])
save(RUN, run)
enter_indexes(run)
tell()
return 2
