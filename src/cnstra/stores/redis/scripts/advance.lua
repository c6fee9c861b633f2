-- Moves a mark forward, never back.
-- KEYS: the marks
-- ARGV: the name; to where
local at = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or nil)
if not at or at < tonumber(ARGV[2]) then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
end
