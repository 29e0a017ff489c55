"""The record guards itself: rows are only added, and each is chained to the one before it when its transaction commits.

The chain is built at commit, so that a decision never waits for another one that is still being carried out.
"""

from django.db import migrations

GUARDS = """
CREATE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the record of decisions is append-only'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'audit_only_grows';
END $$;

CREATE TRIGGER audit_only_grows BEFORE UPDATE OR DELETE ON audit_auditentry
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_change();
CREATE TRIGGER audit_is_never_emptied BEFORE TRUNCATE ON audit_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();
CREATE TRIGGER audit_chain_only_grows BEFORE UPDATE OR DELETE ON audit_auditlink
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_change();
CREATE TRIGGER audit_chain_is_never_emptied BEFORE TRUNCATE ON audit_auditlink
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();

CREATE FUNCTION audit_digest(previous text, number bigint, entry audit_auditentry) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT encode(sha256(convert_to(jsonb_build_array(
        previous, number, entry.id, to_char(entry.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), entry.actor,
        entry.account, entry.area, entry.action, entry.subject, entry.before, entry.after, entry.reason
    )::text, 'UTF8')), 'hex')
$$;

CREATE FUNCTION audit_chain() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    last audit_auditlink%ROWTYPE;
    place bigint;
    before text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('audit_chain', 0));
    SELECT * INTO last FROM audit_auditlink ORDER BY audit_auditlink.number DESC LIMIT 1;
    place := coalesce(last.number, 0) + 1;
    before := coalesce(last.digest, repeat('0', 64));
    INSERT INTO audit_auditlink (entry_id, number, previous, digest)
        VALUES (NEW.id, place, before, audit_digest(before, place, NEW));
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER audit_is_a_chain AFTER INSERT ON audit_auditentry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_chain();
"""
NO_GUARDS = """
DROP TRIGGER audit_is_a_chain ON audit_auditentry;
DROP FUNCTION audit_chain();
DROP FUNCTION audit_digest(text, bigint, audit_auditentry);
DROP TRIGGER audit_chain_is_never_emptied ON audit_auditlink;
DROP TRIGGER audit_chain_only_grows ON audit_auditlink;
DROP TRIGGER audit_is_never_emptied ON audit_auditentry;
DROP TRIGGER audit_only_grows ON audit_auditentry;
DROP FUNCTION audit_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]
    operations = [migrations.RunSQL(GUARDS, NO_GUARDS)]
