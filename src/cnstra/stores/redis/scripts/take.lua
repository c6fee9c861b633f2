-- Takes one run, with its failed tasks outstanding again.
-- KEYS: the indexes; run, failures, attempts
-- ARGV: the worker; the owner that was found not to live, or ""; the statuses that it may have
-- Returns its fields; 0 if its status is another one; 1 if another owner holds it.
local RUN, FAILURES, ATTEMPTS = unpack(KEYS, FIRST)
local run = load(RUN)
local fits = false
for i = 3, #ARGV do
  fits = fits or (run and run.status == ARGV[i])
end
if not fits then
  return 0
end
if (run.owner or '') ~= ARGV[2] then
  return 1
end
leave_indexes(run)
start(run, ATTEMPTS, ARGV[1])
run.losses, run.abort, run.starts = nil, nil, '1'
save(RUN, run)
redis.call('UNLINK', FAILURES)
enter_indexes(run)
return values_of(run)
