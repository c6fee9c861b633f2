-- The fields of a run that are its own; rows.py has the same list. Its hash has more: "#<ordinal>" a task of the frontier,
-- "=<neuron>" a context, "+<neuron>" how often a neuron was activated.
local FIELDS = {
  'id', 'number', 'status', 'owner', 'fence', 'sequence', 'next_task', 'next_signal', 'attempt', 'attempt_open',
  'hops', 'hops_before', 'outstanding', 'recoveries', 'losses', 'losses_at', 'created', 'updated', 'ended', 'error', 'attempt_error',
  'abort', 'priority', 'due', 'entry', 'entries', 'about', 'starts', 'limit_key',
}

local function load(key)
  local values = redis.call('HMGET', key, unpack(FIELDS))
  if not values[1] then
    return nil
  end
  local run = {}
  for i, name in ipairs(FIELDS) do
    run[name] = values[i] or nil
  end
  return run
end

-- What a client makes a record of.
local function values_of(run)
  local values = {}
  for i, name in ipairs(FIELDS) do
    local value = run[name]
    values[i] = value ~= nil and tostring(value)
  end
  return values
end

local function entries_of(run, signals)
  local entries = {}
  for first = 0, (tonumber(run.entries) or 0) - 1, 1000 do
    local ordinals = {}
    for ordinal = first, math.min(first + 999, tonumber(run.entries) - 1) do
      ordinals[#ordinals + 1] = ordinal
    end
    for _, signal in ipairs(redis.call('HMGET', signals, unpack(ordinals))) do
      entries[#entries + 1] = signal
    end
  end
  return entries
end
