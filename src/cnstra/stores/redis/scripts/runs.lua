-- How the fields of a run change: after fields.lua and indexes.lua.

-- Writes what `run` has now; a field that it does not have any more goes.
local function save(key, run)
  run.updated = NOW
  local set, gone = {}, {}
  for _, name in ipairs(FIELDS) do
    if run[name] == nil then
      gone[#gone + 1] = name
    else
      set[#set + 1] = name
      set[#set + 1] = run[name]
    end
  end
  redis.call('HSET', key, unpack(set))
  redis.call('HDEL', key, unpack(gone))
end

local function count(text, more)
  return string.format('%.0f', (tonumber(text) or 0) + more)
end

-- Closes the latest attempt, unless it was closed; tells whether that was so.
local function close_attempt(run, attempts, status, failure)
  if not run.attempt_open then
    return false
  end
  local hops = count(run.hops, -(tonumber(run.hops_before) or 0))
  local prefix = run.attempt .. ':'
  redis.call('HSET', attempts, prefix .. 'status', status, prefix .. 'ended', NOW, prefix .. 'hops', hops)
  if failure then
    redis.call('HSET', attempts, prefix .. 'error', failure)
  end
  run.attempt_open = nil
  run.attempt_error = failure or nil
  return true
end

-- Closes an attempt that its worker has left open; returns how many were lost since the last hop.
local function lose(run, attempts)
  if close_attempt(run, attempts, 'lost') then
    run.recoveries = count(run.recoveries, 1)
    run.losses = run.losses_at == run.hops and count(run.losses, 1) or '1'
    run.losses_at = run.hops
  end
  return run.losses_at == run.hops and tonumber(run.losses) or 0
end

-- Hands a run to a worker, in a new attempt.
local function start(run, attempts, worker)
  lose(run, attempts)
  run.status, run.owner, run.ended, run.error, run.attempt_error = 'running', worker, nil, nil, nil
  run.fence = count(run.fence, 1)
  run.attempt, run.starts = count(run.attempt, 1), count(run.starts, 1)
  run.attempt_open, run.hops_before = '1', run.hops
  local prefix = run.attempt .. ':'
  redis.call('HSET', attempts, prefix .. 'status', 'running', prefix .. 'worker', worker, prefix .. 'started', NOW)
end

local function finish(run, status)
  run.status, run.owner = status, nil
  if status == 'pending' then
    run.ended = nil
  else
    run.ended, run.abort = NOW, nil
  end
end

-- Ends a run from outside; the fence goes up, so that a worker that was taken for dead cannot write any more.
local function settle(run, attempts, status, failure)
  lose(run, attempts)
  run.error = failure or nil
  run.fence = count(run.fence, 1)
  finish(run, status)
end
