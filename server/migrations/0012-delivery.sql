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
