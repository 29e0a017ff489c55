"""Periodic tasks and their periods. A message only wakes a worker: the work itself is listed in Postgres."""

CELERY_BEAT_SCHEDULE = {
    "make-pictures": {"task": "catalog.tasks.make_pictures", "schedule": 3.0, "options": {"expires": 3}},
    "aggregate-new-submissions": {
        "task": "aggregation.tasks.aggregate_new_submissions",
        "schedule": 3.0,
        # Messages that no worker took are useless after the next one.
        "options": {"expires": 3},
    },
    "measure-workers": {"task": "aggregation.tasks.measure_workers", "schedule": 2.0, "options": {"expires": 2}},
    "compute-agreement": {"task": "aggregation.tasks.compute_agreement", "schedule": 5.0, "options": {"expires": 5}},
    "hint-at-unfinished-runs": {
        "task": "candidates.tasks.hint_at_unfinished_runs",
        "schedule": 5.0,
        "options": {"expires": 5},
    },
    "take-in-recovered": {"task": "workforce.tasks.take_in_recovered", "schedule": 5.0, "options": {"expires": 5}},
    "hint-at-unfinished-jobs": {
        "task": "jobs.tasks.hint_at_unfinished_jobs",
        "schedule": 5.0,
        "options": {"expires": 5},
    },
    "expire-leases": {"task": "workforce.tasks.expire_leases", "schedule": 15.0, "options": {"expires": 15}},
    "forget-networks": {"task": "workforce.tasks.forget_networks", "schedule": 3600.0, "options": {"expires": 3600}},
    "forget-drafts": {"task": "workforce.tasks.forget_drafts", "schedule": 3600.0, "options": {"expires": 3600}},
    "send-outbox": {"task": "mturk.tasks.send_outbox", "schedule": 2.0, "options": {"expires": 2}},
    "poll-assignments": {"task": "mturk.tasks.poll_assignments", "schedule": 5.0, "options": {"expires": 5}},
}
