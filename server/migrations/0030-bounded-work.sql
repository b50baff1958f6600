-- No statement goes through all sessions or all queued messages to find a few of them.
CREATE INDEX sessions_ended ON sessions (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX sessions_of_installations ON sessions (principal_id) WHERE principal_kind = 'installation';
CREATE INDEX sessions_of_organisations ON sessions (organisation_id) WHERE organisation_id IS NOT NULL;
CREATE INDEX outbox_dead ON outbox (dead_at) WHERE dead_at IS NOT NULL;

-- What is counted is cleaned up in the order of its keys: nothing looks it up by time.
DROP INDEX attempts_by_last_failure;

-- Messages that were given up stay for a while, and are not among those that are due.
DROP INDEX outbox_by_next_attempt;
CREATE INDEX outbox_due ON outbox (next_attempt_at) WHERE dead_at IS NULL;

-- An account without a home is found in no organisation: keeping it in the index costs every import a page at random.
DROP INDEX accounts_by_home;
CREATE INDEX accounts_by_home ON accounts (home_id) WHERE home_id IS NOT NULL;
