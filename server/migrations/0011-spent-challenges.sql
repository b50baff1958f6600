-- Challenges that were answered. What was not answered is kept nowhere: a challenge says by itself that it is ours, and
-- until when.
CREATE TABLE spent_challenges (
  challenge_hash TEXT PRIMARY KEY,
  expires_at BIGINT NOT NULL
) /* sqlite: WITHOUT ROWID */;
CREATE INDEX spent_challenges_by_expiry ON spent_challenges (expires_at);
