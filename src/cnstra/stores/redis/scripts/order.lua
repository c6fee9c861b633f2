-- Stores a command, unless there is one of its key.
-- KEYS: of the commands
-- ARGV: channel, message; the key; the names and the values of what else it has
-- Returns the record of the command.
local known = redis.call('HGET', COMMANDS, '=' .. ARGV[3])
if known then
  return record_of(known)
end
local number = string.format('%.0f', redis.call('HINCRBY', COMMANDS, 'last', 1))
set(number, 'key', ARGV[3], 'ordered', NOW, unpack(ARGV, 4))
redis.call('HSET', COMMANDS, '=' .. ARGV[3], number)
if get(number, 'status') == 'taken' then
  redis.call('ZADD', TAKEN, number, number)
else
  redis.call('ZADD', WAITING, 0, get(number, 'kind') .. ':' .. digits_of(number))
end
redis.call('ZADD', ABOUT, 0, '-' .. digits_of(number))
local run = get(number, 'run')
if run then
  redis.call('ZADD', ABOUT, 0, run_group(run) .. digits_of(number))
end
redis.pcall('PUBLISH', ARGV[1], ARGV[2]) -- it may be forbidden to this user: then others look again after a while
return record_of(number)
