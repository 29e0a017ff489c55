"""A marketplace in plain Python: what the requester's API of the MTurk kind does, by its words in the documentation.

For histories of thousands of steps, in which it stands in the place of the network. Over HTTP and boto3 the same code
of ours is driven by the other tests.
"""

from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from catalog.reads import now
from mturk import endpoint

UNIT_CENTS, BONUS_CENTS = 12, 6


@dataclass
class Assignment:
    hit: str
    worker: str | None = None
    status: str = "Free"
    answer: str = ""
    submitted_at: datetime | None = None
    n_paid: int = 0


@dataclass
class OfferedHIT:
    annotation: str
    token: str
    n_places: int
    expired: bool


@dataclass
class EndpointModel:
    """`fault` is how the next call fails: "" not at all, "throttle" before, "lose" after it was carried out."""

    hits: dict[str, OfferedHIT] = field(default_factory=dict)
    assignments: dict[str, Assignment] = field(default_factory=dict)
    bonuses: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    fault: str = ""
    numbers: Any = field(default_factory=lambda: count(1))

    def call(self, op: str, **parameters: Any) -> dict[str, Any]:
        fault, self.fault = self.fault, ""
        if fault == "throttle":
            raise endpoint.Throttled("Rate exceeded")
        answer = getattr(self, op)(**parameters)
        if fault == "lose":
            raise endpoint.Ambiguous("The answer was lost.")
        return answer

    @property
    def cents(self) -> int:
        return sum(one.n_paid for one in self.assignments.values()) * UNIT_CENTS + len(self.bonuses) * BONUS_CENTS

    def new_id(self) -> str:
        return f"3MODEL{next(self.numbers):014}"

    # Its workers

    def places(self, worker: str) -> list[str]:
        """The HITs that this worker may accept."""
        held = {one.hit for one in self.assignments.values() if one.worker == worker}
        return [hit for hit in self.hits if hit not in held and self.n_available(hit) and not self.hits[hit].expired]

    def n_available(self, hit: str) -> int:
        return self.hits[hit].n_places - sum(one.hit == hit and one.worker is not None for one in self.of(hit).values())

    def of(self, hit: str) -> dict[str, Assignment]:
        return {name: one for name, one in self.assignments.items() if one.hit == hit}

    def accept(self, worker: str, hit: str) -> str:
        """An assignment that somebody gave back goes to the next one under the same id."""
        free = [name for name, one in self.of(hit).items() if one.worker is None]
        name = free[0] if free else self.new_id()
        self.assignments[name] = Assignment(hit, worker, "Pending")
        return name

    def give_back(self, name: str) -> None:
        self.assignments[name] = Assignment(self.assignments[name].hit)

    def submit(self, name: str, fields: dict[str, str]) -> None:
        root = Element("QuestionFormAnswers")
        for identifier, text in fields.items():
            answer = SubElement(root, "Answer")
            SubElement(answer, "QuestionIdentifier").text = identifier
            SubElement(answer, "FreeText").text = text
        one = self.assignments[name]
        one.status, one.answer, one.submitted_at = "Submitted", tostring(root, encoding="unicode"), now()

    def approve_by_itself(self, name: str) -> None:
        self.assignments[name].status = "Approved"
        self.assignments[name].n_paid += 1

    # Its requester

    def CreateQualificationType(self, **_: Any) -> dict[str, Any]:
        return {"QualificationType": {"QualificationTypeId": self.new_id()}}

    def AssociateQualificationWithWorker(self, **_: Any) -> dict[str, Any]:
        return {}

    def CreateHITType(self, **_: Any) -> dict[str, Any]:
        return {"HITTypeId": self.new_id()}

    def CreateHITWithHITType(self, **wanted: Any) -> dict[str, Any]:
        known = next((name for name, hit in self.hits.items() if hit.token == wanted["UniqueRequestToken"]), None)
        if known is not None:
            raise endpoint.RefusedCall("HitAlreadyExists", f"The HIT {known} was made with this token.")
        name = self.new_id()
        made = OfferedHIT(wanted["RequesterAnnotation"], wanted["UniqueRequestToken"], wanted["MaxAssignments"], False)
        self.hits[name] = made
        return {"HIT": {"HITId": name}}

    def UpdateExpirationForHIT(self, HITId: str, ExpireAt: datetime) -> dict[str, Any]:
        self.hits[HITId].expired = ExpireAt <= now()
        return {}

    def ListHITs(self, **_: Any) -> dict[str, Any]:
        return {"HITs": [{"HITId": name, "RequesterAnnotation": hit.annotation} for name, hit in self.hits.items()]}

    def ListAssignmentsForHIT(self, HITId: str, **_: Any) -> dict[str, Any]:
        return {"Assignments": [self.shown(name) for name, one in self.of(HITId).items() if one.submitted_at]}

    def GetAssignment(self, AssignmentId: str) -> dict[str, Any]:
        return {"Assignment": self.shown(AssignmentId)}

    def shown(self, name: str) -> dict[str, Any]:
        one = self.assignments[name]
        return {
            "AssignmentId": name,
            "HITId": one.hit,
            "WorkerId": one.worker,
            "AssignmentStatus": one.status,
            "AcceptTime": one.submitted_at,
            "SubmitTime": one.submitted_at,
            "Answer": one.answer,
        }

    def ApproveAssignment(self, AssignmentId: str, OverrideRejection: bool = False, **_: Any) -> dict[str, Any]:
        """Words to the worker (`RequesterFeedback`) come with it when a rejection is taken back."""
        one = self.assignments[AssignmentId]
        self.check_status(one, {"Submitted", "Rejected"} if OverrideRejection else {"Submitted"})
        one.status, one.n_paid = "Approved", one.n_paid + 1
        return {}

    def RejectAssignment(self, AssignmentId: str, RequesterFeedback: str) -> dict[str, Any]:
        self.check_status(self.assignments[AssignmentId], {"Submitted"})
        self.assignments[AssignmentId].status = "Rejected"
        return {}

    def check_status(self, one: Assignment, allowed: set[str]) -> None:
        if one.status not in allowed:
            words = f"This operation can be called with a status of: {allowed}"
            raise endpoint.RefusedCall("InvalidAssignmentState", words)

    def SendBonus(self, AssignmentId: str, BonusAmount: str, Reason: str, UniqueRequestToken: str, **_: Any):
        if UniqueRequestToken in self.bonuses:
            raise endpoint.RefusedCall("DuplicateRequest", "This bonus was sent with this token already.")
        self.bonuses[UniqueRequestToken] = (AssignmentId, BonusAmount, Reason)
        return {}

    def ListBonusPayments(self, AssignmentId: str, **_: Any) -> dict[str, Any]:
        paid = [one[1:] for one in self.bonuses.values() if one[0] == AssignmentId]
        return {"BonusPayments": [{"BonusAmount": amount, "Reason": reason} for amount, reason in paid]}
