"""The record of members is not emptied either: TRUNCATE asks no trigger of a row."""

from django.db import migrations

GUARD = """
    CREATE TRIGGER membership_record_is_never_emptied BEFORE TRUNCATE ON access_membershipchange
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_membership_record();
"""
NO_GUARD = "DROP TRIGGER membership_record_is_never_emptied ON access_membershipchange;"


class Migration(migrations.Migration):
    dependencies = [("access", "0001_memberships")]
    operations = [migrations.RunSQL(GUARD, NO_GUARD)]
