-- The session that a ticket's sign-in takes the place of: of one that goes on in another role.
ALTER TABLE tickets ADD COLUMN session_id TEXT;
