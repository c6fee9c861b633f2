-- Some arguments of a command; Lua's stack takes no more than some thousands at once.
local function give(command, key, first, count)
  for i = first, first + count - 1, 1000 do
    redis.call(command, key, unpack(ARGV, i, math.min(i + 999, first + count - 1)))
  end
end
