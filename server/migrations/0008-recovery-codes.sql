-- Codes that stand in for a second factor, ten of an account at most, by their keyed hashes. A code that was used is gone.
CREATE TABLE recovery_codes (
  account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  code_hash TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (account_id, code_hash)
) /* sqlite: WITHOUT ROWID */;
