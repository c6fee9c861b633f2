-- The tables of the first version. A "place" is the key of a run times 2**32 plus an ordinal: one integer names a row of one
-- run, so that one statement can name many rows, and a run's rows are a range.

CREATE TABLE cnstra_meta (
    schema_version INTEGER NOT NULL
);

CREATE TABLE cnstra_workers (
    worker_id TEXT PRIMARY KEY,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    started_at REAL NOT NULL,
    lease_until REAL NOT NULL
) WITHOUT ROWID;

-- What changes when a run starts, is taken or ends. AUTOINCREMENT: the key of a deleted run never names another one, or a
-- worker that still holds it could write into that one.
CREATE TABLE cnstra_runs (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    scope TEXT NOT NULL,
    stimulation_id TEXT NOT NULL,
    status TEXT NOT NULL,
    owner TEXT,
    attempt_number INTEGER NOT NULL,
    recoveries INTEGER NOT NULL,
    entry_count INTEGER NOT NULL,
    volume TEXT NOT NULL,
    clone_of TEXT,
    created_at REAL NOT NULL,
    ended_at REAL,
    options BLOB NOT NULL,
    UNIQUE (scope, stimulation_id)
);

-- For claims: the runs that are not over, by who holds them.
CREATE INDEX cnstra_runs_open ON cnstra_runs (scope, owner) WHERE status IN ('pending', 'running');

-- For lists, the newest first: a key is younger than every smaller one.
CREATE INDEX cnstra_runs_listed ON cnstra_runs (scope, status);

-- For purges, the longest ended first.
CREATE INDEX cnstra_runs_ended ON cnstra_runs (scope, status, ended_at) WHERE ended_at IS NOT NULL;

-- What changes with every commit, apart from the rest: a commit must not rewrite the options. The reference keeps the progress
-- of a run that was deleted meanwhile from coming back.
CREATE TABLE cnstra_progress (
    key INTEGER PRIMARY KEY REFERENCES cnstra_runs (key),
    fence INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    next_task INTEGER NOT NULL,
    next_signal INTEGER NOT NULL,
    hop_count INTEGER NOT NULL,
    outstanding INTEGER NOT NULL,
    updated_at REAL NOT NULL
);

CREATE TABLE cnstra_attempts (
    key INTEGER NOT NULL,
    attempt_number INTEGER NOT NULL,
    status TEXT NOT NULL,
    worker_id TEXT NOT NULL,
    started_at REAL NOT NULL,
    ended_at REAL,
    hops_before INTEGER NOT NULL, -- of the run, when this attempt started
    hop_count INTEGER,            -- set when it ends
    error TEXT,
    PRIMARY KEY (key, attempt_number)
) WITHOUT ROWID;

CREATE TABLE cnstra_frontier (
    place INTEGER PRIMARY KEY,
    neuron_name TEXT NOT NULL,
    collateral_name TEXT NOT NULL,
    dendrite_index INTEGER NOT NULL,
    signal INTEGER, -- an ordinal
    failure TEXT
);

-- Signals and history are appended in the order in which they come, whatever run they belong to: fifty runs that commit
-- together fill one page, and not one page each.
CREATE TABLE cnstra_signals (
    place INTEGER NOT NULL UNIQUE,
    producer INTEGER, -- the ordinal of a task
    collateral_name TEXT NOT NULL,
    version INTEGER NOT NULL,
    payload BLOB NOT NULL
);

CREATE TABLE cnstra_history (
    id INTEGER PRIMARY KEY,
    key INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,
    attempt_number INTEGER NOT NULL,
    neuron_name TEXT NOT NULL,
    collateral_name TEXT NOT NULL,
    dendrite_index INTEGER NOT NULL,
    signal INTEGER, -- an ordinal
    status TEXT NOT NULL,
    error TEXT,
    started_at REAL NOT NULL,
    duration REAL NOT NULL
);

CREATE INDEX cnstra_history_of_run ON cnstra_history (key);

-- A value of NULL: the neuron has forgotten it.
CREATE TABLE cnstra_contexts (
    key INTEGER NOT NULL,
    neuron_name TEXT NOT NULL,
    value BLOB,
    PRIMARY KEY (key, neuron_name)
);

CREATE TABLE cnstra_hops (
    key INTEGER NOT NULL,
    neuron_name TEXT NOT NULL,
    hops INTEGER NOT NULL,
    PRIMARY KEY (key, neuron_name)
) WITHOUT ROWID;
