-- The passwords that an account had before its present one, as hashes, by the epoch in which each was replaced: the last few
-- may not come back.
CREATE TABLE former_passwords (
  account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  epoch BIGINT NOT NULL,
  password_hash TEXT NOT NULL,
  PRIMARY KEY (account_id, epoch)
) /* sqlite: WITHOUT ROWID */;

-- The sealed seed as a directory file gave it: the operator vouches for that one. Any other was enrolled by whoever could
-- sign in, which is not the owner of the address as long as that was not proven.
ALTER TABLE accounts ADD COLUMN vouched_totp TEXT;
UPDATE accounts SET vouched_totp = totp_sealed;
