-- The version of the code that opened a crossing: older code leaves it alone.
ALTER TABLE signoff_crossings ADD COLUMN code INTEGER NOT NULL DEFAULT 0;
