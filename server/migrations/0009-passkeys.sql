-- Public keys that people sign in with (WebAuthn). Nothing here is a secret: key and id are in base64url, the key in the
-- form that authenticators give it (COSE).
CREATE TABLE passkeys (
  credential_id TEXT PRIMARY KEY,
  account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  public_key TEXT NOT NULL,
  counter BIGINT NOT NULL,
  transports TEXT NOT NULL,
  device_type TEXT NOT NULL CHECK (device_type IN ('singleDevice', 'multiDevice')),
  is_backed_up INTEGER NOT NULL,
  name TEXT,
  created_at BIGINT NOT NULL,
  last_used_at BIGINT
) /* sqlite: WITHOUT ROWID */;
CREATE INDEX passkeys_by_account ON passkeys (account_id);

-- Challenges of sign-ins without a name that were answered. What was not answered is kept nowhere: a challenge says by
-- itself that it is ours, and until when.
CREATE TABLE spent_challenges (
  challenge_hash TEXT PRIMARY KEY,
  expires_at BIGINT NOT NULL
) /* sqlite: WITHOUT ROWID */;
CREATE INDEX spent_challenges_by_expiry ON spent_challenges (expires_at);
