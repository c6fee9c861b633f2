-- Tells which commands have not ended.
-- KEYS: of the commands
-- Returns how many wait; the workers that have taken the others, each as often as it has one.
local owners = {}
for _, number in ipairs(redis.call('ZRANGE', TAKEN, 0, -1)) do
  owners[#owners + 1] = get(number, 'taken_by') or nil
end
return { redis.call('ZCARD', WAITING), owners }
