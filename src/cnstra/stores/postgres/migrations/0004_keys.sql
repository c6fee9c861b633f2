-- The fourth version: keys of runs, by which their number and their rate are limited.

ALTER TABLE cnstra.runs ADD COLUMN limit_key text COLLATE "C";

-- What waits and has no key; and for claims that go by keys, what waits for each of them, and what they have running.
DROP INDEX runs_waiting;
CREATE INDEX runs_free ON cnstra.runs (scope, priority DESC, key) WHERE status = 'pending' AND is_due AND limit_key IS NULL;
CREATE INDEX runs_keyed ON cnstra.runs (scope, limit_key, priority DESC, key)
WHERE status = 'pending' AND is_due AND limit_key IS NOT NULL;
CREATE INDEX runs_slots ON cnstra.runs (scope, limit_key) WHERE status = 'running' AND limit_key IS NOT NULL;

-- The keys for which runs wait, or did a moment ago. Who writes to a run locks its row here last.
CREATE TABLE cnstra.keys (
    scope text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    is_ready boolean NOT NULL,  -- not: it was found at its limit, and nothing has changed since
    ready_at double precision,  -- when to look again all the same
    head numeric,               -- the place of the first run that waits, or of one that was that; unknown: NULL
    starts text,                -- those that its rate counts, in JSON
    PRIMARY KEY (scope, name)
) WITH (fillfactor = 50);

CREATE INDEX keys_ready ON cnstra.keys (scope, head NULLS FIRST) WHERE is_ready;
CREATE INDEX keys_paced ON cnstra.keys (scope, ready_at) WHERE NOT is_ready AND ready_at IS NOT NULL;
