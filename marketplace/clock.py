"""The marketplace's time: the database's, so that all processes share it, moved ahead only where faults are allowed."""

from datetime import datetime

from django.conf import settings
from django.db import connection

TRUE_TIME = "SELECT clock_timestamp()"
MOVED_TIME = """
    SELECT clock_timestamp()
         + coalesce((SELECT clock_ahead_seconds FROM faults_faultsettings), 0) * interval '1 second'
"""


def now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute(MOVED_TIME if settings.FAULTS else TRUE_TIME)
        return cursor.fetchone()[0]
