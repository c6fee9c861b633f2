-- The sixth version: keys of runs, by which their number and their rate are limited.

ALTER TABLE cnstra_runs ADD COLUMN limit_key TEXT;

-- Runs with a key that wait and are due have 2 in "scheduled", so that the index of what can be claimed does not have them: a
-- claim finds them by their key, and passes over a key at its limit with all that waits there.
CREATE INDEX cnstra_runs_keyed ON cnstra_runs (scope, limit_key, rank) WHERE scheduled = 2;
CREATE INDEX cnstra_runs_slots ON cnstra_runs (scope, limit_key) WHERE status = 'running' AND limit_key IS NOT NULL;

-- The keys for which runs wait.
CREATE TABLE cnstra_keys (
    scope TEXT NOT NULL,
    name TEXT NOT NULL,
    is_ready INTEGER NOT NULL, -- 0: it was found at its limit, and nothing has changed since
    ready_at REAL,             -- when its rate lets the next run start, where that is why
    head INTEGER NOT NULL,     -- rank times 2**32 plus the key of the first run that waits, or of one that was that
    starts TEXT,               -- those that its rate counts, in JSON
    PRIMARY KEY (scope, name)
) WITHOUT ROWID;

CREATE INDEX cnstra_keys_ready ON cnstra_keys (scope, head) WHERE is_ready = 1;
CREATE INDEX cnstra_keys_paced ON cnstra_keys (scope, ready_at) WHERE ready_at IS NOT NULL;
