-- The password that an installation had before its present one, and until when it is good beside that.
ALTER TABLE installations ADD COLUMN previous_hash TEXT;
ALTER TABLE installations ADD COLUMN previous_until BIGINT;
