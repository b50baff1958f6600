-- What else is known of an event, and its place in the chain: link counts from 1 without a gap, seal is a keyed hash over
-- the row and the seal before it. Both are set once, shortly after the row was written, by one server at a time.
ALTER TABLE audit ADD COLUMN actor TEXT;
ALTER TABLE audit ADD COLUMN contract TEXT;
ALTER TABLE audit ADD COLUMN factor TEXT;
ALTER TABLE audit ADD COLUMN device TEXT;
ALTER TABLE audit ADD COLUMN link BIGINT;
ALTER TABLE audit ADD COLUMN seal TEXT;
CREATE UNIQUE INDEX audit_by_link ON audit (link);
CREATE INDEX audit_without_link ON audit (sequence) WHERE link IS NULL;

-- Append-only: the one change there is gives a row its place. Rows go only from the beginning, once the fact says so.
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
WHEN OLD.link IS NOT NULL OR NEW.sequence IS NOT OLD.sequence OR NEW.at IS NOT OLD.at OR NEW.event IS NOT OLD.event
  OR NEW.reason IS NOT OLD.reason OR NEW.account_id IS NOT OLD.account_id OR NEW.organisation_id IS NOT OLD.organisation_id
  OR NEW.mount IS NOT OLD.mount OR NEW.session_id IS NOT OLD.session_id OR NEW.address IS NOT OLD.address
  OR NEW.request_id IS NOT OLD.request_id OR NEW.detail IS NOT OLD.detail OR NEW.actor IS NOT OLD.actor
  OR NEW.contract IS NOT OLD.contract OR NEW.factor IS NOT OLD.factor OR NEW.device IS NOT OLD.device
BEGIN
  SELECT RAISE(ABORT, 'the audit log is append-only');
END;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
WHEN OLD.link IS NULL OR OLD.link > COALESCE(
  (SELECT CAST(value AS INTEGER) FROM facts WHERE name = 'audit-removed-to'), 0)
BEGIN
  SELECT RAISE(ABORT, 'the audit log is append-only');
END;
