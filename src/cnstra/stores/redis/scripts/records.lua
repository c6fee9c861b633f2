-- Reads runs, those that a filter selects.
-- KEYS: of each run: run, signals
-- ARGV: what they must have, each "=" and a value, or "": the name of the first entry signal; the earliest, and the first
--       too late time of storing; a text in the class or the message of the error; what the id begins with
-- Returns of each run its fields and its entry signals; 0 if it is not there or not selected; or what went wrong.
local function condition(i)
  return ARGV[i] ~= '' and string.sub(ARGV[i], 2) or nil
end
local entry, text, beginning = condition(1), condition(4), condition(5)
local after, before = tonumber(condition(2)), tonumber(condition(3))
local is_any = not (entry or after or before or text or beginning)

local function has_text(packed)
  if not packed then
    return false
  end
  local class, message, start = string.match(packed, '^(%d+):(%d+):()')
  if not class then
    return false
  end
  local middle = start + tonumber(class)
  return string.find(string.sub(packed, start, middle - 1), text, 1, true)
    or string.find(string.sub(packed, middle, middle + tonumber(message) - 1), text, 1, true)
end

local function is_selected(key)
  local run = redis.call('HMGET', key, 'entry', 'created', 'error', 'attempt_error', 'id')
  local created = tonumber(run[2]) or 0
  return (not entry or run[1] == entry)
    and (not after or created >= after)
    and (not before or created < before)
    and (not text or has_text(run[3] or run[4]))
    and (not beginning or string.sub(run[5] or '', 1, #beginning) == beginning)
end

local function read(at)
  local run = (is_any or is_selected(KEYS[at])) and load(KEYS[at])
  return run and { values_of(run), entries_of(run, KEYS[at + 1]) } or 0
end

local records = {}
for at = 1, #KEYS, 2 do
  local fine, result = pcall(read, at)
  records[#records + 1] = fine and result or type(result) == 'table' and result.err or tostring(result)
end
return records
