-- The fifth version: commands that people give, what tasks logged.

ALTER TABLE cnstra.history ADD COLUMN logs text; -- in JSON: a list of [time, level, name of the logger, message]

-- Nothing refers to the runs: what was asked of one is still told when it is gone.
CREATE TABLE cnstra.commands (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ordered_at double precision NOT NULL,
    ended_at double precision,
    takes integer NOT NULL DEFAULT 0,
    scope text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL DEFAULT 'waiting',
    taken_by text COLLATE "C", -- a worker
    stimulation_id text COLLATE "C",
    made text COLLATE "C", -- the id of a run
    actor text NOT NULL,
    seen text,
    outcome text,
    arguments bytea NOT NULL,
    UNIQUE (scope, key)
);

-- For those who take them, the oldest first.
CREATE INDEX commands_open ON cnstra.commands (scope, number) WHERE ended_at IS NULL;

-- For lists, the latest first: of all, of those about a run, of those that made it.
CREATE INDEX commands_listed ON cnstra.commands (scope, number);
CREATE INDEX commands_about ON cnstra.commands (scope, stimulation_id, number) WHERE stimulation_id IS NOT NULL;
CREATE INDEX commands_made ON cnstra.commands (scope, made, number) WHERE made IS NOT NULL;

-- For purges, the longest ended first.
CREATE INDEX commands_ended ON cnstra.commands (scope, ended_at) WHERE ended_at IS NOT NULL;
