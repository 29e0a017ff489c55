"""Operations on workers: blocks and messages."""

from marketplace import actions
from marketplace.endpoint.calls import Call
from marketplace.endpoint.paging import page
from marketplace.endpoint.shapes import block_shape
from marketplace.errors import NotOffered
from marketplace.models import Worker
from marketplace.reads import worker_by_id

UNKNOWN = "The Worker does not exist."
NEVER_REVIEWED = "You have neither approved nor rejected work of this Worker."


def create_worker_block(call: Call) -> dict:
    worker = worker_by_id(call.parameters["WorkerId"])
    actions.block_worker(requester=call.requester, worker=worker, reason=call.parameters["Reason"])
    return {}


def delete_worker_block(call: Call) -> dict:
    actions.unblock_worker(requester=call.requester, worker=worker_by_id(call.parameters["WorkerId"]))
    return {}


def list_worker_blocks(call: Call) -> dict:
    return page(call, "WorkerBlocks", call.requester.blocks.select_related("worker"), block_shape)


def notify_workers(call: Call) -> dict:
    parameters = call.parameters
    worker_ids = dict.fromkeys(parameters["WorkerIds"])
    workers = list(Worker.objects.filter(public_id__in=worker_ids))
    strangers = actions.notify_workers(
        requester=call.requester, workers=workers, subject=parameters["Subject"], text=parameters["MessageText"]
    )
    failures = dict.fromkeys((worker.public_id for worker in strangers), NEVER_REVIEWED)
    failures |= dict.fromkeys(worker_ids.keys() - {worker.public_id for worker in workers}, UNKNOWN)
    return {"NotifyWorkersFailureStatuses": [failure(worker_id, failures[worker_id]) for worker_id in sorted(failures)]}


def failure(worker_id: str, message: str) -> dict:
    return {
        "NotifyWorkersFailureCode": "HardFailure",
        "NotifyWorkersFailureMessage": message,
        "WorkerId": worker_id,
    }


def update_notification_settings(call: Call) -> dict:
    raise NotOffered("UpdateNotificationSettings: nothing is pushed. Poll ListAssignmentsForHIT.")


def send_test_event_notification(call: Call) -> dict:
    raise NotOffered("SendTestEventNotification: nothing is pushed. Poll ListAssignmentsForHIT.")
