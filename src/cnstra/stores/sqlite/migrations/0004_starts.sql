-- The fourth version: runs that are tried again by a policy.

-- How often it was started, without what was given back, since it was stored or was taken by hand.
ALTER TABLE cnstra_runs ADD COLUMN starts INTEGER NOT NULL DEFAULT 0;
