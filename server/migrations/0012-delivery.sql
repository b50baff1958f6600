-- How a message goes: by mail, or as a text to a phone.
ALTER TABLE outbox ADD COLUMN channel TEXT NOT NULL DEFAULT 'mail';

-- How many messages were sent, and how many withheld, for one recipient, one source and so on, until the window ends.
CREATE TABLE sending_budgets (
  key TEXT PRIMARY KEY,
  window_ends_at BIGINT NOT NULL,
  sent BIGINT NOT NULL,
  withheld BIGINT NOT NULL DEFAULT 0
) /* sqlite: WITHOUT ROWID */;
CREATE INDEX sending_budgets_by_end ON sending_budgets (window_ends_at);

-- What its owner calls a device. One that was forgotten keeps its place: an account that had a device is not one that never
-- had any, whose first is taken without a code.
ALTER TABLE devices ADD COLUMN name TEXT;
ALTER TABLE devices ADD COLUMN forgotten INTEGER NOT NULL DEFAULT 0;

-- From which devices an account's sign-ins were completed, to tell its owner of others. It opens nothing: what spares a code
-- is in devices. A trait is a keyed hash, of a fingerprint or of a browser and its system; notice_id is the message that told
-- of it, where one did.
CREATE TABLE seen_devices (
  account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  trait TEXT NOT NULL,
  first_seen_at BIGINT NOT NULL,
  seen_at BIGINT NOT NULL,
  notice_id TEXT,
  PRIMARY KEY (account_id, trait)
) /* sqlite: WITHOUT ROWID */;
