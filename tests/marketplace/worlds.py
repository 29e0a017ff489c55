"""A requester with something of everything, and a request for every operation of the API that succeeds there."""

import json
import time
from dataclasses import dataclass

from marketplace.actions import create_access_key
from marketplace.endpoint.signatures import secret_of
from marketplace.models import HIT, Assignment, QualificationRequest, QualificationType, Worker
from marketplace.qualifications.actions import create_qualification_type, grant_qualification, request_qualification
from marketplace.review.actions import approve_assignment, send_bonus
from tests.marketplace.contract import raw
from tests.marketplace.parties import HIT_VALUES, TYPE, make_hit, make_hit_type, make_worker, submit_hit
from tests.required import require

NOTIFICATION = {
    "Destination": "https://queue.example/1",
    "Transport": "SQS",
    "Version": "2014-08-15",
    "EventTypes": ["AssignmentSubmitted"],
}


@dataclass
class World:
    """A requester with something of everything."""

    url: str
    key_id: str
    worker: Worker
    hit: HIT
    reviewable: HIT
    submitted: Assignment
    approved: Assignment
    kind: QualificationType
    request: QualificationRequest

    def ask(self, operation: str, values: object) -> tuple[int, dict, dict]:
        body = values if isinstance(values, bytes) else json.dumps(values).encode()
        return raw(self.url, self.key_id, secret_of(self.key_id), operation, body)


def make_world(endpoint, lab) -> World:
    requester, worker = lab.requester, make_worker()
    kind = create_qualification_type(requester=requester, name="Trained", description="Has read it", keywords="guide")
    needed = [{"QualificationTypeId": kind.public_id, "Comparator": "Exists", "ActionsGuarded": "Accept"}]
    hit_type = make_hit_type(requester, requirements=needed, keywords="cats")
    grant_qualification(qualification_type=kind, worker=worker, value=7)
    hit, reviewable = make_hit(hit_type, max_assignments=3, annotation="grid 1"), make_hit(hit_type)
    submitted = submit_hit(hit, worker)
    approved = approve_assignment(assignment=submit_hit(reviewable, worker), feedback="Thank you")
    send_bonus(assignment=approved, worker_id=worker.public_id, cents=5, reason="Careful")
    request = request_qualification(qualification_type=kind, worker=make_worker())
    key_id = create_access_key(requester=requester).key_id
    world = World(endpoint.url, key_id, worker, hit, reviewable, submitted, approved, kind, require(request))
    world.ask("CreateWorkerBlock", {"WorkerId": make_worker().public_id, "Reason": "Blank answers"})
    return world


def good_requests(world: World) -> dict[str, dict]:
    """Return for every operation a request that succeeds, with as many members as it can have."""
    hit, kind, worker = world.hit.public_id, world.kind.public_id, world.worker.public_id
    size = {"MaxResults": 5}
    needs = [
        {"QualificationTypeId": kind, "Comparator": "GreaterThan", "IntegerValues": [1], "ActionsGuarded": "Accept"},
        {
            "QualificationTypeId": "00000000000000000071",
            "Comparator": "In",
            "RequiredToPreview": True,
            "LocaleValues": [{"Country": "US", "Subdivision": "NY"}, {"Country": "CA"}],
        },
    ]
    new_hit = HIT_VALUES | {"MaxAssignments": 2, "RequesterAnnotation": "grid 2"}
    asks = {"QualificationRequestId": world.request.public_id}
    return {
        "AcceptQualificationRequest": asks | {"IntegerValue": 3},
        "ApproveAssignment": {
            "AssignmentId": world.submitted.public_id,
            "RequesterFeedback": "Good",
            "OverrideRejection": False,
        },
        "AssociateQualificationWithWorker": {
            "QualificationTypeId": kind,
            "WorkerId": worker,
            "IntegerValue": 4,
            "SendNotification": True,
        },
        "CreateAdditionalAssignmentsForHIT": {
            "HITId": hit,
            "NumberOfAdditionalAssignments": 2,
            "UniqueRequestToken": "extend",
        },
        "CreateHIT": TYPE | new_hit | {"QualificationRequirements": needs, "UniqueRequestToken": "one"},
        "CreateHITType": TYPE | {"QualificationRequirements": needs},
        "CreateHITWithHITType": new_hit | {"HITTypeId": world.hit.hit_type.public_id, "UniqueRequestToken": "two"},
        "CreateQualificationType": {
            "Name": "Expert",
            "Description": "Knows dogs",
            "Keywords": "dogs",
            "QualificationTypeStatus": "Active",
            "RetryDelayInSeconds": 60,
            "Test": "<QuestionForm/>",
            "AnswerKey": "<AnswerKey/>",
            "TestDurationInSeconds": 600,
        },
        "CreateWorkerBlock": {"WorkerId": worker, "Reason": "Blank answers"},
        "DeleteHIT": {"HITId": world.reviewable.public_id},
        "DeleteQualificationType": {"QualificationTypeId": kind},
        "DeleteWorkerBlock": {"WorkerId": worker, "Reason": "A mistake"},
        "DisassociateQualificationFromWorker": {"WorkerId": worker, "QualificationTypeId": kind, "Reason": "Over"},
        "GetAccountBalance": {},
        "GetAssignment": {"AssignmentId": world.approved.public_id},
        "GetFileUploadURL": {"AssignmentId": world.approved.public_id, "QuestionIdentifier": "file"},
        "GetHIT": {"HITId": hit},
        "GetQualificationScore": {"QualificationTypeId": kind, "WorkerId": worker},
        "GetQualificationType": {"QualificationTypeId": kind},
        "ListAssignmentsForHIT": size | {"HITId": hit, "AssignmentStatuses": ["Submitted", "Approved"]},
        "ListBonusPayments": size | {"AssignmentId": world.approved.public_id},
        "ListHITs": size,
        "ListHITsForQualificationType": size | {"QualificationTypeId": kind},
        "ListQualificationRequests": size | {"QualificationTypeId": kind},
        "ListQualificationTypes": size | {"Query": "guide", "MustBeRequestable": True, "MustBeOwnedByCaller": True},
        "ListReviewPolicyResultsForHIT": {
            "HITId": hit,
            "PolicyLevels": ["HIT"],
            "RetrieveActions": True,
            "RetrieveResults": True,
        },
        "ListReviewableHITs": size | {"HITTypeId": world.hit.hit_type.public_id, "Status": "Reviewable"},
        "ListWorkerBlocks": size,
        "ListWorkersWithQualificationType": size | {"QualificationTypeId": kind, "Status": "Granted"},
        "NotifyWorkers": {
            "Subject": "New grids",
            "MessageText": "There are new grids.",
            "WorkerIds": [worker, "ASTRANGER"],
        },
        "RejectAssignment": {"AssignmentId": world.submitted.public_id, "RequesterFeedback": "Blank"},
        "RejectQualificationRequest": asks | {"Reason": "Not yet"},
        "SendBonus": {
            "WorkerId": worker,
            "BonusAmount": "1.50",
            "AssignmentId": world.submitted.public_id,
            "Reason": "Careful",
            "UniqueRequestToken": "bonus",
        },
        "SendTestEventNotification": {"Notification": NOTIFICATION, "TestEventType": "Ping"},
        "UpdateExpirationForHIT": {"HITId": hit, "ExpireAt": int(time.time()) + 3600},
        "UpdateHITReviewStatus": {"HITId": world.reviewable.public_id, "Revert": False},
        "UpdateHITTypeOfHIT": {"HITId": hit, "HITTypeId": world.hit.hit_type.public_id},
        "UpdateNotificationSettings": {
            "HITTypeId": world.hit.hit_type.public_id,
            "Notification": NOTIFICATION,
            "Active": True,
        },
        "UpdateQualificationType": {
            "QualificationTypeId": kind,
            "Description": "Has read it twice",
            "QualificationTypeStatus": "Inactive",
            "AutoGranted": True,
            "AutoGrantedValue": 5,
            "RetryDelayInSeconds": 10,
        },
    }


# These members describe review policies, and no HIT here can have a policy.
OMITTED = {
    "ListReviewPolicyResultsForHIT": {
        "AssignmentReviewPolicy",
        "HITReviewPolicy",
        "AssignmentReviewReport",
        "HITReviewReport",
    },
}
