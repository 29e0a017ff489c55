"""Simulations: people are enrolled, work, and are removed again with all that they did."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext, ngettext

from aggregation.actions import forget
from audit.actions import Area, record
from catalog.errors import UserError
from catalog.models import Dataset
from classify_task.models import Form
from contains_task.models import ContainsVote
from studies.opening.actions import address_of
from studies.simulation.browser import Browser
from studies.simulation.people import Person, population, whole_mix
from studies.simulation.work import Crowd, Meant, Visitor
from workforce.actions import withdraw_hits
from workforce.links.reads import link_query
from workforce.models import HIT, Batch, Worker
from workforce.reads import has_work, not_aggregated, pseudonym
from workforce.simulated.actions import ask_simulated, dismiss_idle, enrol, remove_simulated
from workforce.simulated.reads import (
    Simulated,
    has_answers_of_people,
    open_link_batches,
    simulated_submissions,
)

AT_ONCE, MOST_AT_ONCE = 4, 32
LONGEST_WAIT_SECONDS = 60
Progress = Callable[[int], object]


@dataclass(frozen=True)
class Plan:
    """A simulation: how many people of which kinds, and its seed.

    Each grid and form gets `n_answers` if that is more than it asks for. `at_once` people work at the same time, with
    `pause` seconds between two answers, until nothing is left to do or there are `most_answers`. After `stint` answers
    they go on to the next batch. `beside_people` lets them into a study that real people have worked on.
    """

    n_people: int
    mix: Mapping[str, int] = field(default_factory=dict)
    seed: int = 0
    n_answers: int = 0
    most_answers: int | None = None
    at_once: int = AT_ONCE
    pause: float = 0.0
    stint: int | None = None
    beside_people: bool = False


# Those who fill the demo study within a minute, so that a newcomer sees it grow. Each grid is answered by several.
LIVING = Plan(
    n_people=12,
    mix={"all_yes": 1, "random": 1, "pattern": 1, "several_ids": 2},
    n_answers=5,
    pause=0.08,
    stint=60,
    beside_people=True,
)


@dataclass(frozen=True)
class Outcome:
    """The outcome of a simulation: everybody who worked, by pseudonym, and what each meant by each answer."""

    people: dict[str, Person]
    meant: list[Meant]


def check_may_simulate(dataset: Dataset, *, beside_people: bool = False) -> None:
    """Refuse a study in which simulated answers could cost money or mix with those of people. Raises UserError."""
    if dataset.batches.filter(closed_at=None, marketplace=Batch.Marketplace.MTURK).exists():
        raise UserError(
            gettext("“%(dataset)s” has an open batch on the marketplace, where answers cost money. Nothing was done.")
            % {"dataset": dataset},
            shell=gettext("Close the batch, or simulate in another dataset."),
        )
    batches = open_link_batches(dataset)
    if not batches:
        raise UserError(
            gettext("“%(dataset)s” has no open batch with a study link, so simulated people find no work.")
            % {"dataset": dataset},
            shell=gettext("Open one with ./manage open contains."),
            page=gettext("Open grids first."),
        )
    if batches.filter(admission=Batch.Admission.LISTED).exists():
        raise UserError(gettext("An open batch admits only the IDs of a list, and no simulated people."))
    if not beside_people and has_answers_of_people(dataset):
        raise UserError(
            gettext("Real people have answered in “%(dataset)s”. Simulated answers would mix with theirs.")
            % {"dataset": dataset},
            shell=gettext("If that is meant, write --beside-people. Simulated answers can be removed again."),
        )


def simulate(
    *, dataset: Dataset, plan: Plan, progress: Progress | None = None, settle: Callable[[Dataset], object] | None = None
) -> Outcome:
    """Let simulated people do the work of a dataset's open study links, over HTTP. Returns what they meant.

    `settle` waits until their answers are counted, as forms follow from grids. Raises UserError, also if the site does
    not answer; what was answered before stays, marked as simulated.
    """
    check_may_simulate(dataset, beside_people=plan.beside_people)
    people = population(plan.seed, whole_mix(plan.n_people, plan.mix))
    visitors = _enrolled(dataset, people)
    crowd = Crowd(visitors, _at_once(plan), plan.most_answers, plan.pause, progress)
    try:
        _work_until_done(dataset, plan, crowd, settle or wait_until_counted)
    finally:
        crowd.close()
        dismiss_idle(dataset=dataset)
    return Outcome(_by_pseudonym(dataset, visitors), crowd.meant)


@transaction.atomic
def _enrolled(dataset: Dataset, people: list[Person]) -> list[Visitor]:
    ids = enrol(dataset=dataset, names=[person.name for person in people])
    after = {"people": len(people), "seed": people[0].seed}
    record(area=Area.CONFIG, action="simulated.begin", subject=f"dataset {dataset}", after=after)
    return [Visitor(person, name, Browser(settings.WORKER_ORIGIN)) for person, name in zip(people, ids, strict=True)]


def _at_once(plan: Plan) -> int:
    return max(1, min(plan.at_once, plan.n_people, MOST_AT_ONCE))


def _work_until_done(dataset: Dataset, plan: Plan, crowd: Crowd, settle: Callable[[Dataset], object]) -> None:
    """Have the crowd work until there is nothing to do, not even once all its answers are counted."""
    is_settled = False
    while not crowd.is_done:
        if _work(dataset, plan, crowd):
            is_settled = False
        elif is_settled:
            return
        else:
            settle(dataset)
            is_settled = True


def _work(dataset: Dataset, plan: Plan, crowd: Crowd) -> int:
    """Have the crowd do what there is to do in each open batch. Returns the number of answers."""
    # Again before each round: somebody may have opened a batch on the marketplace meanwhile.
    check_may_simulate(dataset, beside_people=True)
    if plan.n_answers:
        ask_simulated(dataset=dataset, n_answers=plan.n_answers)
    return sum(crowd.work(_link_of(batch), plan.stint) for batch in open_link_batches(dataset) if has_work(batch))


def _link_of(batch: Batch) -> Callable[[Visitor], str]:
    path = urlsplit(address_of(batch)).path
    return lambda visitor: f"{path}?{link_query(batch, visitor.participant)}"


def answers_stored(outcome: Outcome) -> str:
    n = len(outcome.meant)
    message = ngettext("%(n)s simulated answer is stored.", "%(n)s simulated answers are stored.", n)
    return message % {"n": n}


def wait_until_counted(dataset: Dataset) -> None:
    """Wait until the site's worker has counted all answers. Raises UserError if it does not."""
    deadline = time.monotonic() + LONGEST_WAIT_SECONDS
    while not_aggregated(dataset).exists():
        if time.monotonic() > deadline:
            raise UserError(
                gettext("The simulated answers are stored, but not counted: the site’s worker process is not running."),
                shell=gettext("Start the site with ./run, or count them with ./manage aggregate."),
            )
        time.sleep(0.5)


def _by_pseudonym(dataset: Dataset, visitors: list[Visitor]) -> dict[str, Person]:
    person_of = {visitor.participant: visitor.person for visitor in visitors}
    rows = Worker.objects.filter(identity__external_id__in=person_of).order_by("pk")
    pairs = rows.values_list("pk", "identity__external_id")
    return {pseudonym(dataset, pk): person_of[name] for pk, name in pairs}


@transaction.atomic
def remove(*, dataset: Dataset) -> Simulated:
    """Delete the simulated people of a dataset, and all that they did. Returns how much that was.

    All results are computed anew, by the next pass of the aggregation; forms that nobody but them was given are
    withdrawn, and opened again if the answers of real people lead to them.
    """
    # This also waits for a pass that is under way.
    forget(dataset=dataset)
    submissions = simulated_submissions(dataset)
    images = set(ContainsVote.objects.filter(submission__in=submissions).values_list("image_id", flat=True))
    counts = remove_simulated(dataset=dataset)
    forms = Form.objects.filter(image__in=images, hit__closed_at=None).values_list("hit_id", flat=True)
    rounds = HIT.objects.filter(batch__dataset=dataset, batch__max_votes__isnull=False, asked_before__isnull=False)
    withdraw_hits(hit_ids={*forms, *rounds.values_list("pk", flat=True)})
    if counts:
        before = {"people": counts.n_people, "submissions": counts.n_submissions}
        record(area=Area.REVIEW, action="simulated.remove", subject=f"dataset {dataset}", before=before)
    return counts
