"""The ledger guards itself: rows are never changed, and each goes on from the one before."""

from django.db import migrations

GUARDS = """
CREATE FUNCTION marketplace_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only' USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_is_append_only';
END $$;

CREATE TRIGGER ledger_is_append_only BEFORE UPDATE OR DELETE ON marketplace_ledgerentry
    FOR EACH ROW EXECUTE FUNCTION marketplace_refuse_change();

CREATE FUNCTION marketplace_check_chain() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    last marketplace_ledgerentry%ROWTYPE;
BEGIN
    SELECT * INTO last FROM marketplace_ledgerentry
        WHERE requester_id = NEW.requester_id ORDER BY number DESC LIMIT 1;
    IF NEW.number <> coalesce(last.number, 0) + 1
        OR NEW.available_after <> coalesce(last.available_after, 0) + NEW.available
        OR NEW.held_after <> coalesce(last.held_after, 0) + NEW.held
    THEN
        RAISE EXCEPTION 'ledger entry % of requester % does not go on from the one before', NEW.number, NEW.requester_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_is_a_chain';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER ledger_is_a_chain BEFORE INSERT ON marketplace_ledgerentry
    FOR EACH ROW EXECUTE FUNCTION marketplace_check_chain();
"""
NO_GUARDS = """
DROP TRIGGER ledger_is_a_chain ON marketplace_ledgerentry;
DROP TRIGGER ledger_is_append_only ON marketplace_ledgerentry;
DROP FUNCTION marketplace_check_chain();
DROP FUNCTION marketplace_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0001_initial")]
    operations = [migrations.RunSQL(GUARDS, NO_GUARDS)]
