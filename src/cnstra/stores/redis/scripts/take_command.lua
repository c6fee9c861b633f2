-- Takes the oldest command that waits, or whose worker lives no more.
-- KEYS: of the commands
-- ARGV: the worker; how many kinds it can do; these; the workers that were found not to live
-- Returns the record of the command, or false.
local kinds, dead = {}, {}
for i = 3, #ARGV do
  local set_of = i < 3 + tonumber(ARGV[2]) and kinds or dead
  set_of[ARGV[i]] = true
end

-- The oldest of a kind that waits, with its member of WAITING; what makes no sense there is dropped.
local function first_of(kind)
  local low, high = '[' .. kind .. ':', '(' .. kind .. ':\255'
  while true do
    local member = redis.call('ZRANGEBYLEX', WAITING, low, high, 'LIMIT', 0, 1)[1]
    local digits = member and string.match(member, '^%d+$', #kind + 2)
    local number = digits and string.format('%.0f', tonumber(digits))
    if not member or number and get(number, 'key') then
      return number, member
    end
    redis.call('ZREM', WAITING, member)
  end
end

local oldest, waits
for kind in pairs(kinds) do
  local number, member = first_of(kind)
  if number and (not oldest or tonumber(number) < tonumber(oldest)) then
    oldest, waits = number, member
  end
end
for _, number in ipairs(redis.call('ZRANGE', TAKEN, 0, -1)) do
  if kinds[get(number, 'kind')] and dead[get(number, 'taken_by')] then
    if not oldest or tonumber(number) < tonumber(oldest) then
      oldest, waits = number, nil
    end
    break
  end
end
if not oldest then
  return false
end
if waits then
  redis.call('ZREM', WAITING, waits)
end
redis.call('ZADD', TAKEN, oldest, oldest)
local takes = (tonumber(get(oldest, 'takes') or nil) or 0) + 1
set(oldest, 'status', 'taken', 'taken_by', ARGV[1], 'takes', string.format('%.0f', takes))
return record_of(oldest)
