-- What a ticket carries beside whom it is for, sealed: a seed that waits to be confirmed, an address that waits to be proven.
ALTER TABLE tickets ADD COLUMN payload_sealed TEXT;
-- When the password was last set by a code that was mailed. Until a factor that is no mail is shown, or a day has passed,
-- a mailed PIN proves nothing that the reset did not.
ALTER TABLE accounts ADD COLUMN reset_by_mail_at BIGINT;
