-- Renews the lease of a worker.
-- KEYS: workers, leases
-- ARGV: its id; its lease in seconds
-- Returns 0 if it is not there.
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then
  return 0
end
redis.call('ZADD', KEYS[2], string.format('%.6f', tonumber(NOW) + tonumber(ARGV[2])), ARGV[1])
return 1
