"""A process that sends the outbox without pauses, for tests that kill it: python -m tests.mturk.sender"""

import os

import django

if __name__ == "__main__":
    django.setup()
    from django.conf import settings
    from django.db import connection

    from mturk.models import Call
    from mturk.sync import send_waiting

    settings.MTURK |= {
        "endpoint_url": os.environ["SENDER_ENDPOINT"],
        "access_key_id": os.environ["SENDER_KEY"],
        "secret_access_key": os.environ["SENDER_SECRET"],
        "calls_per_second": int(os.environ["SENDER_RATE"]),
    }
    while Call.objects.filter(state__in=["waiting", "unsure"]).exists():
        with connection.cursor() as cursor:
            # Whoever was killed before must not be waited for.
            cursor.execute("UPDATE workforce_call SET next_try = now() WHERE state IN ('waiting', 'unsure')")
        send_waiting()
