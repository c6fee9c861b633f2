-- The tables of the first version, written for the schema "cnstra" and no prefix; the store puts in the names that it was given.
--
-- Times are seconds since the epoch, by the server's clock. Text sorts by its bytes: that is fast, and no update of the operating
-- system's collations can break an index. There are no foreign keys: what belongs to a run is written only while the run's row
-- in "progress" is locked, which the fence needs anyway.

CREATE TABLE cnstra.meta (
    schema_version integer NOT NULL
);

CREATE TABLE cnstra.workers (
    worker_id text COLLATE "C" PRIMARY KEY,
    host text NOT NULL,
    pid bigint NOT NULL,
    started_at double precision NOT NULL,
    lease_until double precision NOT NULL
) WITH (fillfactor = 50);

-- What changes when a run starts, is taken or ends.
CREATE TABLE cnstra.runs (
    key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    token bigint NOT NULL, -- by which who has stored the run knows it again, if he did not get to know its key
    created_at double precision NOT NULL,
    ended_at double precision,
    due_at double precision,
    forked_task bigint,
    losses_at bigint NOT NULL DEFAULT 0, -- the count of hops at which "losses" were counted
    losses integer NOT NULL DEFAULT 0,   -- how often its worker was lost since it last made a hop
    recoveries integer NOT NULL DEFAULT 0,
    attempt_number integer NOT NULL,
    entry_count integer NOT NULL,
    priority bigint NOT NULL,
    is_due boolean NOT NULL, -- its time has come; set by the first claim that sees it
    status text COLLATE "C" NOT NULL,
    volume text COLLATE "C" NOT NULL,
    scope text COLLATE "C" NOT NULL,
    stimulation_id text COLLATE "C" NOT NULL,
    owner text COLLATE "C",
    entry_name text COLLATE "C",
    clone_of text COLLATE "C",
    forked_from text COLLATE "C",
    abort_requested text,
    error text, -- what it was ended with from outside
    options bytea NOT NULL,
    UNIQUE (scope, stimulation_id)
);

-- For claims: what waits, what waits for its time, and what is held, by whom.
CREATE INDEX runs_waiting ON cnstra.runs (scope, priority DESC, key) WHERE status = 'pending' AND is_due;
CREATE INDEX runs_scheduled ON cnstra.runs (scope, due_at) WHERE status = 'pending' AND NOT is_due;
CREATE INDEX runs_held ON cnstra.runs (scope, owner, priority DESC, key) WHERE status = 'running';

-- For the few that somebody wants to stop.
CREATE INDEX runs_unwanted ON cnstra.runs (scope, owner) WHERE abort_requested IS NOT NULL;

-- For lists, the newest first.
CREATE INDEX runs_listed ON cnstra.runs (scope, status, created_at, key);

-- For purges, the longest ended first.
CREATE INDEX runs_ended ON cnstra.runs (scope, status, ended_at, key) WHERE ended_at IS NOT NULL;

-- What changes with every commit, apart from the rest and with room for new versions of a row on its own page: no index is
-- touched then.
CREATE TABLE cnstra.progress (
    run bigint PRIMARY KEY,
    fence bigint NOT NULL,
    sequence bigint NOT NULL,
    next_task bigint NOT NULL,
    next_signal bigint NOT NULL,
    hop_count bigint NOT NULL,
    outstanding bigint NOT NULL,
    updated_at double precision NOT NULL
) WITH (fillfactor = 40);

CREATE TABLE cnstra.attempts (
    run bigint NOT NULL,
    attempt_number integer NOT NULL,
    started_at double precision NOT NULL,
    ended_at double precision,
    hops_before bigint NOT NULL, -- of the run, when this attempt started
    hop_count bigint,            -- set when it ends
    status text COLLATE "C" NOT NULL,
    worker_id text COLLATE "C" NOT NULL,
    error text,
    PRIMARY KEY (run, attempt_number)
) WITH (fillfactor = 80);

CREATE TABLE cnstra.frontier (
    run bigint NOT NULL,
    ordinal bigint NOT NULL,
    signal bigint, -- an ordinal
    dendrite_index integer NOT NULL,
    neuron_name text COLLATE "C" NOT NULL,
    collateral_name text COLLATE "C" NOT NULL,
    failure text,
    PRIMARY KEY (run, ordinal)
);

CREATE TABLE cnstra.signals (
    run bigint NOT NULL,
    ordinal bigint NOT NULL,
    producer bigint, -- the ordinal of a task
    version bigint NOT NULL,
    collateral_name text COLLATE "C" NOT NULL,
    payload bytea NOT NULL,
    PRIMARY KEY (run, ordinal)
);

-- In the order of "sequence", the number of the commit, and within one commit of "place". The index holds the run alone: of
-- equal keys it keeps one, so it stays small, and a history is sorted when it is read.
CREATE TABLE cnstra.history (
    run bigint NOT NULL,
    sequence bigint NOT NULL,
    ordinal bigint NOT NULL,
    signal bigint, -- an ordinal
    started_at double precision NOT NULL,
    duration double precision NOT NULL,
    place integer NOT NULL,
    attempt_number integer NOT NULL,
    dendrite_index integer NOT NULL,
    status text COLLATE "C" NOT NULL,
    neuron_name text COLLATE "C" NOT NULL,
    collateral_name text COLLATE "C" NOT NULL,
    error text,
    contexts bytea -- JSON: what the hop gave to contexts
);

CREATE INDEX history_of_run ON cnstra.history (run);

-- A value of NULL: the neuron has forgotten it.
CREATE TABLE cnstra.contexts (
    run bigint NOT NULL,
    neuron_name text COLLATE "C" NOT NULL,
    value bytea,
    PRIMARY KEY (run, neuron_name)
);

CREATE TABLE cnstra.hops (
    run bigint NOT NULL,
    neuron_name text COLLATE "C" NOT NULL,
    hops bigint NOT NULL,
    PRIMARY KEY (run, neuron_name)
) WITH (fillfactor = 80);
