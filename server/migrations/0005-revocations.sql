-- Sessions whose tokens must be taken no longer, in the order in which that was committed: what resource servers follow.
CREATE TABLE revocations (
  sequence /* sqlite: INTEGER PRIMARY KEY AUTOINCREMENT */ /* postgres: BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY */,
  at BIGINT NOT NULL,
  session_id TEXT NOT NULL,
  principal_kind TEXT NOT NULL,
  principal_id TEXT NOT NULL,
  reason TEXT NOT NULL
);
CREATE INDEX revocations_by_time ON revocations (at);

/* postgres: -- Numbers are handed out in the order of commits: who follows the list by number must never find a lower one later.
CREATE FUNCTION revocations_one_at_a_time() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('latchkey.revocations'));
  RETURN NULL;
END $$;
CREATE TRIGGER revocations_one_at_a_time BEFORE INSERT ON revocations
  FOR EACH STATEMENT EXECUTE FUNCTION revocations_one_at_a_time();
*/

-- Who may follow the list. The credential is kept as a hash.
CREATE TABLE resource_servers (
  name TEXT PRIMARY KEY,
  secret_hash TEXT NOT NULL UNIQUE,
  created_at BIGINT NOT NULL
) /* sqlite: WITHOUT ROWID */;
