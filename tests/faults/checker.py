"""Replays an operations log against what the database holds in the end.

What was acknowledged must be stored, as it was sent and once; what was refused must not be; of what nobody knows either
will do. Whatever is stored must be whole, and somebody must have sent it.
"""

from collections import Counter, defaultdict

SUBMISSIONS = """
    SELECT submission.id, split_part(submission.idempotency_key, '.', 2) AS key, identity.external_id AS worker,
           hit.public_id AS hit, submission.answer -> 'selected' AS selected, submission.state, submission.slot_id,
           lease.public_id AS lease
    FROM workforce_submission submission
    JOIN workforce_hit hit ON hit.id = submission.hit_id
    JOIN workforce_batch batch ON batch.id = hit.batch_id
    JOIN workforce_workeridentity identity ON identity.worker_id = submission.worker_id
    JOIN workforce_lease lease ON lease.id = submission.lease_id
    WHERE batch.public_id = %(batch)s
"""
VOTES = """
    SELECT vote.submission_id, image.public_id AS image, vote.selected, vote.counted
    FROM contains_task_containsvote vote
    JOIN catalog_image image ON image.id = vote.image_id
    JOIN workforce_submission submission ON submission.id = vote.submission_id
    JOIN workforce_hit hit ON hit.id = submission.hit_id
    JOIN workforce_batch batch ON batch.id = hit.batch_id
    WHERE batch.public_id = %(batch)s
"""
# Frequencies that a plain count of the votes does not confirm, in both directions. What is taken in so far must be in
# them at every moment (a killed pass leaves all of it or nothing); what is handed in while a pass runs may be in them
# already, on pairs that this pass counts. In the end, when all is taken in, that leaves one figure only.
WRONG_FREQUENCIES = """
    WITH counted AS (
        SELECT vote.image_id, vote.label_id, count(*) AS most, count(*) FILTER (WHERE vote.selected) AS most_selected,
               count(submission.aggregated_at) AS least,
               count(submission.aggregated_at) FILTER (WHERE vote.selected) AS least_selected
        FROM contains_task_containsvote vote JOIN catalog_image image ON image.id = vote.image_id
        JOIN workforce_submission submission ON submission.id = vote.submission_id
        WHERE vote.counted AND image.dataset_id = %(dataset)s GROUP BY 1, 2
    ), published AS (
        SELECT image_id, label_id, n_selected, n_shown FROM aggregation_selectionfrequency frequency
        JOIN catalog_image image ON image.id = frequency.image_id WHERE image.dataset_id = %(dataset)s
    )
    SELECT * FROM counted FULL JOIN published USING (image_id, label_id)
    WHERE NOT coalesce(n_shown, 0) BETWEEN coalesce(least, 0) AND coalesce(most, 0)
       OR NOT coalesce(n_selected, 0) BETWEEN coalesce(least_selected, 0) AND coalesce(most_selected, 0)
"""
NOT_AGGREGATED = """
    SELECT submission.id FROM workforce_submission submission
    JOIN workforce_hit hit ON hit.id = submission.hit_id JOIN workforce_batch batch ON batch.id = hit.batch_id
    WHERE batch.dataset_id = %(dataset)s AND submission.aggregated_at IS NULL
"""


def complaints(events: list[dict], submissions: list[dict], votes: list[dict]) -> list[str]:
    sent = {event["key"]: event for event in events if event["event"] == "invoke"}
    stored = defaultdict(list)
    for row in submissions:
        stored[row["key"]].append(row)
    faults = [f"{key} was acknowledged and is not stored" for key in outcomes(events, "ok") - stored.keys()]
    faults += [f"{key} was refused and is stored" for key in outcomes(events, "fail") & stored.keys()]
    faults += [f"{key} is stored and nobody sent it" for key in stored.keys() - sent.keys()]
    faults += [f"{key} is stored {len(rows)} times" for key, rows in stored.items() if len(rows) > 1]
    faults += repeated(submissions, "worker", "hit")
    faults += repeated([row for row in submissions if row["slot_id"]], "slot_id")
    by_submission = defaultdict(list)
    for vote in votes:
        by_submission[vote["submission_id"]].append(vote)
    for key in stored.keys() & sent.keys():
        faults += differences(sent[key], stored[key][0], by_submission[stored[key][0]["id"]])
    return faults


def outcomes(events: list[dict], event: str) -> set[str]:
    return {entry["key"] for entry in events if entry["event"] == event}


def repeated(rows: list[dict], *columns: str) -> list[str]:
    counts = Counter(tuple(row[column] for column in columns) for row in rows)
    return [f"{columns} {values} comes {n} times" for values, n in counts.items() if n > 1]


def differences(sent: dict, row: dict, votes: list[dict]) -> list[str]:
    """Between what was sent and what is stored: the raw answer, and a vote for every cell that was shown."""
    faults = []
    if (sent["worker"], sent["hit"], sent["selected"]) != (row["worker"], row["hit"], sorted(row["selected"])):
        faults.append(f"{sent['key']} is stored otherwise than it was sent: {row}")
    if len(votes) != sent["n_shown"] or len({vote["image"] for vote in votes}) != len(votes):
        faults.append(f"{sent['key']} has {len(votes)} votes for {sent['n_shown']} cells")
    if sorted(vote["image"] for vote in votes if vote["selected"]) != sent["selected"]:
        faults.append(f"{sent['key']} has votes that say something else than its answer")
    if row["state"] == "confirmed" and not all(vote["counted"] for vote in votes):
        faults.append(f"{sent['key']} is confirmed and not wholly counted")
    return faults


def slowest(events: list[dict]) -> list[float]:
    """Seconds from `invoke` to `ok` of every acknowledged submit, longest first."""
    begun = {event["key"]: event["at"] for event in events if event["event"] == "invoke"}
    return sorted((event["at"] - begun[event["key"]] for event in events if event["event"] == "ok"), reverse=True)
