-- Drops the commands that ended the longest ago.
-- KEYS: of the commands
-- ARGV: how many seconds ago they must have ended; how many to drop at most
-- Returns how many were found.
local before = string.format('(%.6f', tonumber(NOW) - tonumber(ARGV[1]))
local numbers = redis.call('ZRANGEBYSCORE', ENDED, '-inf', before, 'LIMIT', 0, ARGV[2])
for _, number in ipairs(numbers) do
  local digits = digits_of(number)
  for _, name in ipairs({ 'run', 'made' }) do
    local id = get(number, name)
    if id then
      redis.call('ZREM', ABOUT, run_group(id) .. digits)
    end
  end
  local key = get(number, 'key')
  if key then
    redis.call('HDEL', COMMANDS, '=' .. key)
  end
  redis.call('ZREM', ABOUT, '-' .. digits)
  redis.call('ZREM', ENDED, number)
  redis.call('HDEL', COMMANDS, unpack(parts_of(number)))
end
return #numbers
