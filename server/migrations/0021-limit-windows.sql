-- Failures in windows of time, shared by the servers on one PostgreSQL. The columns and their order are those that
-- rate-limiter-flexible writes. The embedded store leaves the table empty: its one process counts in memory.
CREATE TABLE limit_windows (
  key VARCHAR(255) PRIMARY KEY,
  points INTEGER NOT NULL DEFAULT 0,
  expire BIGINT
) /* sqlite: WITHOUT ROWID */;
CREATE INDEX limit_windows_by_end ON limit_windows (expire);
