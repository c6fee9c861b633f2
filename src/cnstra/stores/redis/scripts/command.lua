-- Reads a command.
-- KEYS: of the commands
-- ARGV: its key
-- Returns its record, or false.
local number = redis.call('HGET', COMMANDS, '=' .. ARGV[1])
return number and record_of(number)
