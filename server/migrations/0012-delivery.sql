-- How a message goes: by mail, or as a text to a phone.
ALTER TABLE outbox ADD COLUMN channel TEXT NOT NULL DEFAULT 'mail';
