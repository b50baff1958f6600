-- Whether servers of the version before can live with a migration: then they serve a schema that is newer than theirs.
-- Of those up to this one nothing is said: no program that reads the column lacks them.
ALTER TABLE schema_migrations ADD COLUMN expands INTEGER NOT NULL DEFAULT 0;
