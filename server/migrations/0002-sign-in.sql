-- What the sign-in corridor remembers. Nothing here is a secret in clear: tickets, codes and opaque tokens are hashes,
-- private keys and queued mail are sealed.

-- failures is what throttles, streak is what locks; in_flight counts attempts that are being evaluated now, until
-- their lease ends.
CREATE TABLE attempts (
  key TEXT PRIMARY KEY,
  failures BIGINT NOT NULL,
  streak BIGINT NOT NULL,
  in_flight BIGINT NOT NULL,
  in_flight_until BIGINT NOT NULL,
  blocked_until BIGINT NOT NULL,
  locked_until BIGINT NOT NULL,
  last_failure_at BIGINT NOT NULL
) /* sqlite: WITHOUT ROWID */;
CREATE INDEX attempts_by_last_failure ON attempts (last_failure_at);

CREATE TABLE tickets (
  secret_hash TEXT PRIMARY KEY,
  purpose TEXT NOT NULL,
  mount TEXT NOT NULL,
  account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  epoch BIGINT NOT NULL,
  organisation_id TEXT,
  role TEXT,
  step TEXT,
  fingerprint_hash TEXT,
  fingerprint_sealed TEXT,
  code_hash TEXT,
  code_sent_at BIGINT,
  code_expires_at BIGINT,
  attempts INTEGER NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  consumed_at BIGINT
) /* sqlite: WITHOUT ROWID */;
CREATE INDEX tickets_by_account ON tickets (account_id);
CREATE INDEX tickets_by_expiry ON tickets (expires_at);

-- counter and rotated_at are all that refresh tokens need: the token is computed from them.
CREATE TABLE sessions (
  id TEXT PRIMARY KEY,
  principal_kind TEXT NOT NULL CHECK (principal_kind IN ('account', 'installation', 'resource')),
  principal_id TEXT NOT NULL,
  account_id TEXT REFERENCES accounts (id) ON DELETE CASCADE,
  epoch BIGINT NOT NULL,
  mount TEXT NOT NULL,
  organisation_id TEXT,
  role TEXT,
  methods TEXT NOT NULL,
  counter BIGINT NOT NULL,
  rotated_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  last_used_at BIGINT NOT NULL,
  refresh_expires_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  ended_at BIGINT,
  ended_reason TEXT,
  opaque_hash TEXT UNIQUE,
  fingerprint_hash TEXT,
  address TEXT,
  user_agent TEXT
) /* sqlite: WITHOUT ROWID */;
CREATE INDEX sessions_by_account ON sessions (account_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE outbox (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  mail_sealed TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  next_attempt_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  tries INTEGER NOT NULL DEFAULT 0,
  last_error TEXT,
  dead_at BIGINT
) /* sqlite: WITHOUT ROWID */;
CREATE INDEX outbox_by_next_attempt ON outbox (next_attempt_at);

CREATE TABLE signing_keys (
  id TEXT PRIMARY KEY,
  algorithm TEXT NOT NULL,
  public_jwk TEXT NOT NULL,
  private_sealed TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  signs_from BIGINT NOT NULL,
  retires_at BIGINT
) /* sqlite: WITHOUT ROWID */;

-- Small facts about the store itself, such as which secrets.key it was sealed with.
CREATE TABLE facts (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) /* sqlite: WITHOUT ROWID */;
