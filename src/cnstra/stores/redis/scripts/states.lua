-- Reads runs with all that a worker needs to go on with them, except what is too much for one script.
-- KEYS: of each run: run, signals, failures
-- ARGV: how many fields of a hash are too many
-- Returns of each run its fields, its entry signals, its hash, and the failures by ordinal (for each of the last two 1 if
-- it is too large); 0 if it is not there; or what went wrong.
local too_many = tonumber(ARGV[1])

local function all_of(key)
  return redis.call('HLEN', key) > too_many and 1 or redis.call('HGETALL', key)
end

local function read(at)
  local run = load(KEYS[at])
  return run and { values_of(run), entries_of(run, KEYS[at + 1]), all_of(KEYS[at]), all_of(KEYS[at + 2]) } or 0
end

local states = {}
for at = 1, #KEYS, 3 do
  local fine, result = pcall(read, at)
  states[#states + 1] = fine and result or type(result) == 'table' and result.err or tostring(result)
end
return states
