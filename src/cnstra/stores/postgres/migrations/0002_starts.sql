-- The second version: runs that are tried again by a policy.

-- How often it was started, without what was given back, since it was stored or was taken by hand.
ALTER TABLE cnstra.runs ADD COLUMN starts integer NOT NULL DEFAULT 0;
