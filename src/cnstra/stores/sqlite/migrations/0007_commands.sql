-- The seventh version: commands that people give, what tasks logged.

ALTER TABLE cnstra_history ADD COLUMN logs TEXT; -- in JSON: a list of [time, level, name of the logger, message]

-- Texts that people have given are in JSON. AUTOINCREMENT: the number of a command that was dropped never names another one.
-- What may be large comes last: what is looked for is found without it. Nothing refers to the runs: what was asked of one is
-- still told when it is gone.
CREATE TABLE cnstra_commands (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    kind TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'waiting',
    taken_by TEXT, -- a worker
    takes INTEGER NOT NULL DEFAULT 0,
    ordered_at REAL NOT NULL,
    ended_at REAL,
    stimulation_id TEXT,
    made TEXT, -- the id of a run
    actor TEXT NOT NULL,
    seen TEXT,
    outcome TEXT,
    arguments BLOB NOT NULL,
    UNIQUE (scope, key)
);

-- For those who take them, the oldest first.
CREATE INDEX cnstra_commands_open ON cnstra_commands (scope) WHERE ended_at IS NULL;

-- For lists, the latest first: of all, of those about a run, of those that made it.
CREATE INDEX cnstra_commands_listed ON cnstra_commands (scope);
CREATE INDEX cnstra_commands_about ON cnstra_commands (scope, stimulation_id) WHERE stimulation_id IS NOT NULL;
CREATE INDEX cnstra_commands_made ON cnstra_commands (scope, made) WHERE made IS NOT NULL;

-- For purges, the longest ended first.
CREATE INDEX cnstra_commands_ended ON cnstra_commands (scope, ended_at) WHERE ended_at IS NOT NULL;
