-- Notes how a command ended.
-- KEYS: of the commands
-- ARGV: its number; for the how manieth time it was taken; the status; the outcome; the id of the run that it made, if any
-- Returns 0 if it was taken again since, or has ended, or is unknown.
local number, made = ARGV[1], ARGV[5]
if get(number, 'status') ~= 'taken' or get(number, 'takes') ~= ARGV[2] then
  return 0
end
set(number, 'status', ARGV[3], 'ended', NOW, 'outcome', ARGV[4])
if made then
  set(number, 'made', made)
  redis.call('ZADD', ABOUT, 0, run_group(made) .. digits_of(number))
end
redis.call('ZREM', TAKEN, number)
redis.call('ZADD', ENDED, NOW, number)
return 1
