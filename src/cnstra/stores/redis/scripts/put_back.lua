-- Undoes a claim.
-- KEYS: the indexes; run, attempts
-- ARGV: channel, message; the number of the run; the fence of the claim
-- Returns whether that was done.
local RUN, ATTEMPTS = unpack(KEYS, FIRST)
local run = load(RUN)
if not run or run.status ~= 'running' or run.number ~= ARGV[3] or run.fence ~= ARGV[4] then
  return 0
end
leave_indexes(run)
for _, name in ipairs({ 'status', 'worker', 'started', 'ended', 'hops', 'error' }) do
  redis.call('HDEL', ATTEMPTS, run.attempt .. ':' .. name)
end
run.attempt, run.starts = count(run.attempt, -1), count(run.starts, -1)
run.attempt_open, run.attempt_error = nil, redis.call('HGET', ATTEMPTS, run.attempt .. ':error') or nil
finish(run, 'pending')
save(RUN, run)
enter_indexes(run)
tell()
return 1
