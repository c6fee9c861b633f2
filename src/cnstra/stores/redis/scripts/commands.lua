-- Before every script about commands: their keys, which are the first five, and what a client makes a record of.
--
-- COMMANDS a hash: "<number>:<name>" what a command has under that name; "=<key>" the number of the command of that key;
--          "last" the number of the newest
-- WAITING  lexicographic: "<kind>:<16 digits of the number>" of commands that nobody has taken
-- TAKEN    the numbers of commands that somebody has taken and not ended, by number
-- ENDED    the numbers of commands that have ended, by when they did
-- ABOUT    lexicographic: "<group><16 digits of the number>"; every command is in the group "-", and in that of its run
--          and of the run that it made, "<length of the id>:<id>:"
local COMMANDS, WAITING, TAKEN, ENDED, ABOUT = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]

-- commands.py has the same list.
local PARTS = {
  'key', 'kind', 'run', 'arguments', 'actor', 'seen', 'ordered', 'status', 'taken_by', 'takes', 'ended', 'outcome', 'made',
}

local function parts_of(number)
  local names = {}
  for i, name in ipairs(PARTS) do
    names[i] = number .. ':' .. name
  end
  return names
end

local function record_of(number)
  return { number, redis.call('HMGET', COMMANDS, unpack(parts_of(number))) }
end

local function get(number, name)
  return redis.call('HGET', COMMANDS, number .. ':' .. name)
end

local function set(number, ...)
  local given = { ... }
  for i = 1, #given, 2 do
    given[i] = number .. ':' .. given[i]
  end
  redis.call('HSET', COMMANDS, unpack(given))
end

local function digits_of(number)
  return string.format('%016.0f', tonumber(number))
end

local function run_group(id)
  return #id .. ':' .. id .. ':'
end
