-- The audit log: append-only, in the order of writing. The engines differ in how they number rows.
CREATE TABLE audit (
  sequence BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at BIGINT NOT NULL,
  event TEXT NOT NULL,
  reason TEXT,
  account_id TEXT,
  organisation_id TEXT,
  mount TEXT,
  session_id TEXT,
  address TEXT,
  request_id TEXT,
  detail TEXT
);
CREATE INDEX audit_by_account ON audit (account_id, sequence);
CREATE INDEX audit_by_time ON audit (at);
