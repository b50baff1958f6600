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
CREATE FUNCTION audit_is_not_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.link IS NOT NULL OR (to_jsonb(NEW) - 'link' - 'seal') <> (to_jsonb(OLD) - 'link' - 'seal') THEN
    RAISE EXCEPTION 'the audit log is append-only';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
  FOR EACH ROW EXECUTE FUNCTION audit_is_not_changed();
CREATE FUNCTION audit_is_not_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.link IS NULL OR OLD.link > COALESCE(
    (SELECT CAST(value AS BIGINT) FROM facts WHERE name = 'audit-removed-to'), 0) THEN
    RAISE EXCEPTION 'the audit log is append-only';
  END IF;
  RETURN OLD;
END $$;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
  FOR EACH ROW EXECUTE FUNCTION audit_is_not_deleted();
