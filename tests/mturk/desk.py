"""The workers of a marketplace that runs: request on standard input, a JSON object a line, answered the same way.

Run in a process of its own, under the marketplace's settings: python -m tests.mturk.desk
"""

import json
import sys

import django

from tests.required import require


def answer(request: dict) -> dict:
    from marketplace.actions import create_worker
    from marketplace.errors import WorkRefused
    from marketplace.faults.models import FaultSettings
    from marketplace.models import HIT, Assignment, Worker
    from marketplace.work.actions import accept_hit, return_assignment, submit_assignment

    worker = Worker.objects.filter(public_id=request.get("worker")).first()
    try:
        if request["do"] == "worker":
            return {"id": create_worker(name=request["name"], password=request.get("password")).public_id}
        if request["do"] == "session":
            return {"cookie": session_of(require(worker))}
        if request["do"] == "requester":
            return keys_of_new_requester(request["name"], request["cents"])
        if request["do"] == "accept":
            hit = HIT.objects.get(public_id=request["hit"])
            return {"id": accept_hit(worker=require(worker), hit=hit).public_id}
        if request["do"] == "return":
            return_assignment(
                worker=require(worker), assignment=Assignment.objects.get(public_id=request["assignment"])
            )
            return {}
        if request["do"] == "submit":
            fields = request["fields"].items()
            return {
                "id": submit_assignment(assignment_id=request["assignment"], fields=fields, worker=worker).public_id
            }
        if request["do"] == "reset clock":
            FaultSettings.objects.update(clock_ahead_seconds=0)
            return {}
        if request["do"] == "ledger":
            return ledger(request["key_id"])
    except WorkRefused as refusal:
        return {"refused": str(refusal)}
    raise ValueError(request)


def keys_of_new_requester(name: str, cents: int) -> dict:
    """Create a requester as `create_requester` does, and return the two keys."""
    from marketplace.actions import create_access_key, create_requester
    from marketplace.endpoint.signatures import secret_of
    from marketplace.ledger.actions import deposit

    requester = create_requester(name=name)
    deposit(requester=requester, cents=cents)
    key_id = create_access_key(requester=requester).key_id
    return {"key_id": key_id, "secret": secret_of(key_id)}


def session_of(worker) -> str:
    """Sign a worker in as the page does, without its hash; return the session's cookie."""
    from django.contrib.sessions.backends.db import SessionStore

    from marketplace.sessions import PASSWORD, WORKER, mark_of_password

    session = SessionStore()
    session[WORKER], session[PASSWORD] = worker.pk, mark_of_password(worker)
    session.create()
    return str(session.session_key)


def ledger(key_id: str) -> dict:
    """Return the amounts in cents that the marketplace took from the requester of this key, and their purposes."""
    from marketplace.models import HIT, AccessKey, Assignment, BonusPayment, LedgerEntry

    requester = AccessKey.objects.get(key_id=key_id).requester
    entries = list(LedgerEntry.objects.filter(requester=requester).order_by("number"))
    return {
        "rows": [(entry.kind, entry.available, entry.held) for entry in entries],
        "available": entries[-1].available_after,
        "held": entries[-1].held_after,
        "hits": list(HIT.objects.filter(requester=requester).values_list("annotation", flat=True)),
        "bonuses": BonusPayment.objects.filter(assignment__hit__requester=requester).count(),
        "assignments": list(Assignment.objects.filter(hit__requester=requester).values_list("public_id", "status")),
    }


if __name__ == "__main__":
    django.setup()
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
