-- Applies deltas, in order, each whole or not at all.
-- KEYS: the indexes; of each delta: run, signals, history, failures, attempts
-- ARGV: channel, message; of each delta: a header (packed), then as many values of each kind as the header says: fields of the run
--       and their values; fields that go; signals by ordinal; failures by ordinal; entries of the history; ordinals of
--       signals that go; neurons and how often they were activated; how the attempt ended (status of the run, status of
--       the attempt, error or "")
-- Returns for each 1 if it is applied now, 0 if it is refused, or what went wrong.
local NUMBER, FENCE, SEQUENCE, NEXT_TASK, NEXT_SIGNAL, HOPS, GROWN, COUNTS = 1, 2, 3, 4, 5, 6, 7, 8
local argument = 3
local freed = false

-- Entry signals stay, whatever is dropped: they tell what the run was started with.
local function drop(signals, first, count, entries)
  for i = first, first + count - 1 do
    if tonumber(ARGV[i]) >= entries then
      redis.call('HDEL', signals, ARGV[i])
    end
  end
end

local function finish_attempt(key, attempts, status, attempt_status, failure)
  local run = load(key)
  leave_indexes(run)
  close_attempt(run, attempts, attempt_status, failure ~= '' and failure)
  finish(run, status)
  save(key, run)
  enter_indexes(run)
  freed = freed or status == 'pending'
end

-- What can fail comes first: reading, then the keys of the run that are not its hash. A delta that fails there has moved
-- neither frontier nor sequence, and applying it again later repeats no more than it must.
local function apply(at, header, first)
  local key, signals, history, failures, attempts = unpack(KEYS, at, at + 4)
  local run = redis.call('HMGET', key, 'number', 'fence', 'sequence', 'hops', 'outstanding', 'entries')
  local sequence = tonumber(run[3])
  if tonumber(run[1]) ~= header[NUMBER] or tonumber(run[2]) ~= header[FENCE] or not sequence then
    return 0
  end
  if sequence ~= header[SEQUENCE] - 1 then
    return sequence == header[SEQUENCE] and 1 or 0
  end
  local fields, gone, new, failed, settled, dropped, activated, ended = unpack(header, COUNTS)
  local gone_first = first + fields
  local new_first = gone_first + gone
  local failed_first = new_first + new
  local settled_first = failed_first + failed
  local dropped_first = settled_first + settled
  local activated_first = dropped_first + dropped
  local ended_first = activated_first + activated
  give('HSET', signals, new_first, new)
  give('HSET', failures, failed_first, failed)
  give('RPUSH', history, settled_first, settled)
  give('HSET', key, first, fields)
  redis.call(
    'HSET', key, 'sequence', header[SEQUENCE], 'next_task', header[NEXT_TASK], 'next_signal', header[NEXT_SIGNAL],
    'hops', (tonumber(run[4]) or 0) + header[HOPS], 'outstanding', (tonumber(run[5]) or 0) + header[GROWN],
    'updated', NOW
  )
  give('HDEL', key, gone_first, gone)
  drop(signals, dropped_first, dropped, tonumber(run[6]) or 0)
  for i = activated_first, ended_first - 1, 2 do
    redis.call('HINCRBY', key, ARGV[i], ARGV[i + 1])
  end
  if ended > 0 then
    finish_attempt(key, attempts, ARGV[ended_first], ARGV[ended_first + 1], ARGV[ended_first + 2])
  end
  return 1
end

local outcome = {}
for at = FIRST, #KEYS, 5 do
  local header = cmsgpack.unpack(ARGV[argument])
  local fine, result = pcall(apply, at, header, argument + 1)
  outcome[#outcome + 1] = fine and result or type(result) == 'table' and result.err or tostring(result)
  argument = argument + 1
  for i = COUNTS, #header do
    argument = argument + header[i]
  end
end
if freed then
  tell()
end
return outcome
