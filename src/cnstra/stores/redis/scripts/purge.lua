-- Drops those of some runs that have not been taken up since they were found.
-- KEYS: the indexes; of each run: run, signals, history, failures, attempts
-- ARGV: of each run: its id; its status; when it ended
-- Returns how many were dropped.
local dropped = 0
for i = 1, #ARGV, 3 do
  local id, status, ended = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local at = FIRST + (i - 1) / 3 * 5
  local run = load(KEYS[at])
  if not run then
    redis.call('ZREM', ENDED[status], id) -- it was deleted by hand
    redis.call('ZREM', WITH[status], id)
  elseif run.status == status and tonumber(run.ended) == tonumber(ended) then
    leave_indexes(run)
    redis.call('UNLINK', unpack(KEYS, at, at + 4)) -- freed by another thread of the server, however much it is
    dropped = dropped + 1
  elseif tonumber(redis.call('ZSCORE', ENDED[status], id) or nil) == tonumber(ended) then
    redis.call('ZREM', ENDED[status], id) -- it was changed by hand
  end
end
return dropped
