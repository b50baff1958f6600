-- The digest of the hash that a directory file gave last. The hash itself may have been renewed since, and the password
-- changed: loading the same file again must bring neither back.
ALTER TABLE accounts ADD COLUMN imported_hash TEXT;
ALTER TABLE installations ADD COLUMN imported_hash TEXT;
