-- Reads runs, those that a filter selects.
-- KEYS: of each run: run, signals
-- ARGV: what they must have, each "=" and a value, or "": the name of the first entry signal; the earliest, and the first
--       too late time of storing; a text in the class or the message of the error
-- Returns of each run its fields and its entry signals; 0 if it is not there or not selected; or what went wrong.
local function condition(i)
  return ARGV[i] ~= '' and string.sub(ARGV[i], 2) or nil
end
local entry, text = condition(1), condition(4)
local after, before = tonumber(condition(2)), tonumber(condition(3))

local function has_text(packed)
  local class, message, start = string.match(packed or '', '^(%d+):(%d+):()')
  if not class then
    return false
  end
  local middle = start + tonumber(class)
  return string.find(string.sub(packed, start, middle - 1), text, 1, true)
    or string.find(string.sub(packed, middle, middle + tonumber(message) - 1), text, 1, true)
end

local function is_selected(run)
  local created = tonumber(run.created) or 0
  return (not entry or run.entry == entry)
    and (not after or created >= after)
    and (not before or created < before)
    and (not text or has_text(run.error or run.attempt_error))
end

local function read(at)
  local run = load(KEYS[at])
  if not run or not is_selected(run) then
    return 0
  end
  return { values_of(run), entries_of(run, KEYS[at + 1]) }
end

local records = {}
for at = 1, #KEYS, 2 do
  local fine, result = pcall(read, at)
  records[#records + 1] = fine and result or type(result) == 'table' and result.err or tostring(result)
end
return records
