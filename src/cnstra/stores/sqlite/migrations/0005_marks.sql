-- The fifth version: how far what goes by the clock has come, such as a schedule.

CREATE TABLE cnstra_marks (
    scope TEXT NOT NULL,
    name TEXT NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (scope, name)
) WITHOUT ROWID;
