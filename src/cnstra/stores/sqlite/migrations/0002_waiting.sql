-- The second version: runs that wait by priority and until they are due, requested aborts, runs that kill their workers, forks.

ALTER TABLE cnstra_runs ADD COLUMN entry_name TEXT; -- the collateral of the first entry signal
-- Minus the priority: what comes first in the index is what is claimed first.
ALTER TABLE cnstra_runs ADD COLUMN rank INTEGER NOT NULL DEFAULT 0;
ALTER TABLE cnstra_runs ADD COLUMN due_at REAL;
-- 1 while it is pending and nobody has seen yet that it is due: an index of what is due now cannot depend on the clock.
ALTER TABLE cnstra_runs ADD COLUMN scheduled INTEGER NOT NULL DEFAULT 0;
ALTER TABLE cnstra_runs ADD COLUMN abort_requested TEXT; -- the reason, in JSON
ALTER TABLE cnstra_runs ADD COLUMN error TEXT; -- why it was ended from outside; else see its latest attempt
ALTER TABLE cnstra_runs ADD COLUMN forked_from TEXT;
ALTER TABLE cnstra_runs ADD COLUMN forked_task INTEGER;
ALTER TABLE cnstra_runs ADD COLUMN losses INTEGER NOT NULL DEFAULT 0; -- of its worker, since a hop was last committed,
ALTER TABLE cnstra_runs ADD COLUMN losses_at INTEGER NOT NULL DEFAULT 0; -- as of this count of hops
ALTER TABLE cnstra_history ADD COLUMN contexts TEXT; -- what the hop gave to neurons, in JSON: name to JSON text or null

UPDATE cnstra_runs SET entry_name = (SELECT collateral_name FROM cnstra_signals WHERE place = cnstra_runs.key << 32);

-- For claims: the runs that may be taken, by who holds them.
DROP INDEX cnstra_runs_open;
CREATE INDEX cnstra_runs_free ON cnstra_runs (scope, owner, rank)
WHERE status IN ('pending', 'running') AND scheduled = 0;

CREATE INDEX cnstra_runs_scheduled ON cnstra_runs (scope, due_at) WHERE scheduled = 1;

-- For owners that look whether they are asked to abort something.
CREATE INDEX cnstra_runs_asked ON cnstra_runs (scope, owner) WHERE abort_requested IS NOT NULL;

-- For lists of runs of one kind, the newest first.
CREATE INDEX cnstra_runs_entered ON cnstra_runs (scope, status, entry_name);

-- How often a run has become free or an abort has been requested: what a process that waits for that looks at.
CREATE TABLE cnstra_changes (
    count INTEGER NOT NULL
);
INSERT INTO cnstra_changes (count) VALUES (0);
