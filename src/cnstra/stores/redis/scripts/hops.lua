-- Applying a delta, except its end; after clock.lua and arguments.lua.
--
-- A delta is a header (packed), and then as many values of each kind as the header says: fields of the run and their
-- values; fields that go; signals by ordinal; failures by ordinal; entries of the history; ordinals of signals that go;
-- neurons and how often they were activated; how the attempt ended.
local NUMBER, FENCE, SEQUENCE, NEXT_TASK, NEXT_SIGNAL, HOPS, GROWN, COUNTS = 1, 2, 3, 4, 5, 6, 7, 8

-- Entry signals stay, whatever is dropped: they tell what the run was started with.
local function drop(signals, first, count, entries)
  for i = first, first + count - 1 do
    if tonumber(ARGV[i]) >= entries then
      redis.call('HDEL', signals, ARGV[i])
    end
  end
end

-- What can fail comes first: reading, then the keys of the run that are not its hash. A delta that fails there has moved
-- neither frontier nor sequence, and applying it again later repeats no more than it must.
local function hop(at, header, first)
  local key, signals, history, failures = unpack(KEYS, at, at + 3)
  local run = redis.call('HMGET', key, 'number', 'fence', 'sequence', 'hops', 'outstanding', 'entries')
  local sequence = tonumber(run[3])
  if tonumber(run[1]) ~= header[NUMBER] or tonumber(run[2]) ~= header[FENCE] or not sequence then
    return '0'
  end
  if sequence ~= header[SEQUENCE] - 1 then
    return sequence == header[SEQUENCE] and '1' or '0'
  end
  local fields, gone, new, failed, settled, dropped, activated = unpack(header, COUNTS)
  local gone_first = first + fields
  local new_first = gone_first + gone
  local failed_first = new_first + new
  local settled_first = failed_first + failed
  local dropped_first = settled_first + settled
  local activated_first = dropped_first + dropped
  give('HSET', signals, new_first, new)
  give('HSET', failures, failed_first, failed)
  give('RPUSH', history, settled_first, settled)
  local few = math.min(fields, 1000)
  redis.call(
    'HSET', key, 'sequence', header[SEQUENCE], 'next_task', header[NEXT_TASK], 'next_signal', header[NEXT_SIGNAL],
    'hops', (tonumber(run[4]) or 0) + header[HOPS], 'outstanding', (tonumber(run[5]) or 0) + header[GROWN],
    'updated', NOW, unpack(ARGV, first, first + few - 1)
  )
  give('HSET', key, first + few, fields - few)
  give('HDEL', key, gone_first, gone)
  drop(signals, dropped_first, dropped, tonumber(run[6]) or 0)
  for i = activated_first, activated_first + activated - 1, 2 do
    redis.call('HINCRBY', key, ARGV[i], ARGV[i + 1])
  end
  return '1', activated_first + activated
end

-- Applies the deltas from an argument on, each by a function that is given the place of its keys, its header, and the place
-- of its values. Returns a text with "1" for each that is applied now and "0" for each that is refused; if something went
-- wrong, an array of these and of what that was.
local function apply_each(argument, first_key, apply)
  local outcome, is_fine = {}, true
  for at = first_key, #KEYS, 5 do
    local header = cmsgpack.unpack(ARGV[argument])
    local worked, result = pcall(apply, at, header, argument + 1)
    outcome[#outcome + 1] = worked and result or type(result) == 'table' and result.err or tostring(result)
    is_fine = is_fine and worked
    argument = argument + 1
    for i = COUNTS, #header do
      argument = argument + header[i]
    end
  end
  return is_fine and table.concat(outcome) or outcome
end
