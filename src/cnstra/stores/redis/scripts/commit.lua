-- Applies deltas that end no attempt, in order, each whole or not at all.
-- KEYS: of each delta: run, signals, history, failures, attempts
-- ARGV: the deltas; see hops.lua, as for what is returned
return apply_each(1, 1, hop)
