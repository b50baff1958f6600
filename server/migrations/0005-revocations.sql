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

-- Who may follow the list. The credential is kept as a hash.
CREATE TABLE resource_servers (
  name TEXT PRIMARY KEY,
  secret_hash TEXT NOT NULL UNIQUE,
  created_at BIGINT NOT NULL
) /* sqlite: WITHOUT ROWID */;
