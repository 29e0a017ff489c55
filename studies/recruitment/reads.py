"""Comparison of a platform's submissions with the work here: who worked without a code, returned, or is unpaid."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from studies.recruitment.exports.reads import PlatformSubmission, Status
from workforce.models import Batch, Lease
from workforce.platforms.reads import participants_with_work, workers_of_participants
from workforce.reads import pseudonym


class Case(StrEnum):
    """The oddity of a participant, at most one for each; the order is that of the page."""

    NO_CODE = "no_code"  # did all the work here, waits for approval, and sent no code or another one
    UNPAID = "unpaid"  # did all the work here, sent the code or there is none, and waits for approval
    RETURNED = "returned"  # worked here, and returned the submission or ran out of time there: unpaid
    REJECTED = "rejected"  # did all the work here, and is rejected there
    NOT_DONE = "not_done"  # waits for approval there, or is approved, without all of the work here
    ABSENT = "absent"  # did all the work here, and the file does not have them


@dataclass(frozen=True)
class Participant:
    """A participant by their ID on the platform, with their work here. `worker` is the pseudonym, empty if unknown."""

    id: str
    session: str
    status: str
    code: str | None
    worker: str
    n_done: int
    holds_task: bool = False


@dataclass(frozen=True)
class Comparison:
    """Participants by case, and how many there are of each kind in total."""

    cases: dict[Case, list[Participant]]
    n_lines: int
    n_with_work: int
    n_needed: int
    n_approved: int

    @property
    def n_odd(self) -> int:
        return sum(map(len, self.cases.values()))


def compare(batch: Batch, submissions: list[PlatformSubmission]) -> Comparison:
    """Compare a file's submissions with the work on a batch of a study link."""
    dataset, n_needed = batch.dataset, batch.hits_per_worker or 1
    done = {text: (worker, n) for worker, (text, n) in participants_with_work(batch).items()}
    workers = workers_of_participants(dataset, [each.participant for each in submissions])
    workers |= {text: worker for text, (worker, _) in done.items()}
    holding = _holding(batch, workers.values())
    cases: dict[Case, list[Participant]] = {case: [] for case in Case}
    listed = {each.participant: each for each in submissions}
    for text in [*listed, *(text for text in done if text not in listed)]:
        n_done = done.get(text, (0, 0))[1]
        case = case_of(batch, listed.get(text), n_done)
        if case is not None:
            worker = workers.get(text)
            shown = pseudonym(dataset, worker) if worker else ""
            cases[case].append(_participant(text, listed.get(text), shown, n_done, worker in holding))
    return Comparison(
        cases={case: rows for case, rows in cases.items() if rows},
        n_lines=len(submissions),
        n_with_work=sum(text in done for text in listed),
        n_needed=n_needed,
        n_approved=sum(each.status == Status.APPROVED for each in submissions),
    )


def case_of(batch: Batch, there: PlatformSubmission | None, n_done: int) -> Case | None:
    """Return what is odd about a participant with this submission there and so many tasks done here."""
    is_done = n_done >= (batch.hits_per_worker or 1)
    if there is None:
        return Case.ABSENT if is_done else None
    if there.status in (Status.RETURNED, Status.TIMED_OUT):
        return Case.RETURNED if n_done else None
    if there.status == Status.REJECTED:
        return Case.REJECTED if is_done else None
    if there.status == Status.AWAITING and _declined(batch, there):
        return None
    if there.status not in (Status.AWAITING, Status.APPROVED):
        return None
    if not is_done:
        return Case.NOT_DONE
    if there.status == Status.APPROVED:
        return None
    return Case.UNPAID if _sent_code(batch, there) else Case.NO_CODE


def _sent_code(batch: Batch, there: PlatformSubmission) -> bool:
    """Return whether the participant sent the batch's code; true if the file or the batch has none."""
    if there.code is None or not batch.completion_code:
        return True
    return there.code.casefold() == batch.completion_code.strip().casefold()


def _declined(batch: Batch, there: PlatformSubmission) -> bool:
    code = batch.decline_code.strip().casefold()
    return bool(code) and (there.code or "").casefold() == code


def _holding(batch: Batch, workers: Iterable[int]) -> set[int]:
    held = Lease.objects.filter(batch=batch, worker__in=set(workers), state=Lease.State.ACTIVE)
    return set(held.values_list("worker", flat=True))


def _participant(
    text: str, there: PlatformSubmission | None, worker: str, n_done: int, holds_task: bool
) -> Participant:
    if there is None:
        return Participant(text, "", "", None, worker, n_done, holds_task)
    return Participant(text, there.session, there.status_text, there.code, worker, n_done, holds_task)
