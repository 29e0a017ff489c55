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
        return (
            sum(assignment.n_paid for assignment in self.assignments.values()) * UNIT_CENTS
            + len(self.bonuses) * BONUS_CENTS
        )

    def new_id(self) -> str:
        return f"3MODEL{next(self.numbers):014}"

    # Its workers

    def places(self, worker: str) -> list[str]:
        """The HITs that this worker may accept."""
        hits = {assignment.hit for assignment in self.assignments.values() if assignment.worker == worker}
        return [hit for hit in self.hits if hit not in hits and self.n_available(hit) and not self.hits[hit].expired]

    def n_available(self, hit: str) -> int:
        return self.hits[hit].n_places - sum(
            assignment.hit == hit and assignment.worker is not None for assignment in self.of(hit).values()
        )

    def of(self, hit: str) -> dict[str, Assignment]:
        return {name: assignment for name, assignment in self.assignments.items() if assignment.hit == hit}

    def accept(self, worker: str, hit: str) -> str:
        """An assignment that somebody gave back goes to the next one under the same id."""
        free = [name for name, assignment in self.of(hit).items() if assignment.worker is None]
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
        assignment = self.assignments[name]
        assignment.status, assignment.answer, assignment.submitted_at = (
            "Submitted",
            tostring(root, encoding="unicode"),
            now(),
        )

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

    def CreateHITWithHITType(self, **parameters: Any) -> dict[str, Any]:
        existing = next(
            (name for name, hit in self.hits.items() if hit.token == parameters["UniqueRequestToken"]), None
        )
        if existing is not None:
            raise endpoint.RefusedCall("HitAlreadyExists", f"The HIT {existing} was made with this token.")
        name = self.new_id()
        offered_hit = OfferedHIT(
            parameters["RequesterAnnotation"], parameters["UniqueRequestToken"], parameters["MaxAssignments"], False
        )
        self.hits[name] = offered_hit
        return {"HIT": {"HITId": name}}

    def UpdateExpirationForHIT(self, HITId: str, ExpireAt: datetime) -> dict[str, Any]:
        self.hits[HITId].expired = ExpireAt <= now()
        return {}

    def ListHITs(self, **_: Any) -> dict[str, Any]:
        return {"HITs": [{"HITId": name, "RequesterAnnotation": hit.annotation} for name, hit in self.hits.items()]}

    def ListAssignmentsForHIT(self, HITId: str, **_: Any) -> dict[str, Any]:
        return {
            "Assignments": [self.shown(name) for name, assignment in self.of(HITId).items() if assignment.submitted_at]
        }

    def GetAssignment(self, AssignmentId: str) -> dict[str, Any]:
        return {"Assignment": self.shown(AssignmentId)}

    def shown(self, name: str) -> dict[str, Any]:
        assignment = self.assignments[name]
        return {
            "AssignmentId": name,
            "HITId": assignment.hit,
            "WorkerId": assignment.worker,
            "AssignmentStatus": assignment.status,
            "AcceptTime": assignment.submitted_at,
            "SubmitTime": assignment.submitted_at,
            "Answer": assignment.answer,
        }

    def ApproveAssignment(self, AssignmentId: str, OverrideRejection: bool = False, **_: Any) -> dict[str, Any]:
        """Words to the worker (`RequesterFeedback`) come with it when a rejection is taken back."""
        assignment = self.assignments[AssignmentId]
        self.check_status(assignment, {"Submitted", "Rejected"} if OverrideRejection else {"Submitted"})
        assignment.status, assignment.n_paid = "Approved", assignment.n_paid + 1
        return {}

    def RejectAssignment(self, AssignmentId: str, RequesterFeedback: str) -> dict[str, Any]:
        self.check_status(self.assignments[AssignmentId], {"Submitted"})
        self.assignments[AssignmentId].status = "Rejected"
        return {}

    def check_status(self, assignment: Assignment, allowed: set[str]) -> None:
        if assignment.status not in allowed:
            words = f"This operation can be called with a status of: {allowed}"
            raise endpoint.RefusedCall("InvalidAssignmentState", words)

    def SendBonus(self, AssignmentId: str, BonusAmount: str, Reason: str, UniqueRequestToken: str, **_: Any):
        if UniqueRequestToken in self.bonuses:
            raise endpoint.RefusedCall("DuplicateRequest", "This bonus was sent with this token already.")
        self.bonuses[UniqueRequestToken] = (AssignmentId, BonusAmount, Reason)
        return {}

    def ListBonusPayments(self, AssignmentId: str, **_: Any) -> dict[str, Any]:
        bonuses = [bonus[1:] for bonus in self.bonuses.values() if bonus[0] == AssignmentId]
        return {"BonusPayments": [{"BonusAmount": amount, "Reason": reason} for amount, reason in bonuses]}
