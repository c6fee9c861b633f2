-- The third version: how far what goes by the clock has come, such as a schedule.

CREATE TABLE cnstra.marks (
    scope text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    at double precision NOT NULL,
    PRIMARY KEY (scope, name)
);
