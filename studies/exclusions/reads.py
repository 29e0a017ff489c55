"""Queries on the work of one network, and on what was excluded together. No network is named anywhere."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Count, Max, Min, Q, QuerySet
from django.utils.translation import gettext, ngettext

from catalog.errors import UserError
from catalog.models import Dataset
from workforce.models import Exclusion, Submission
from workforce.reads import is_excluded


@dataclass(frozen=True)
class NetworkWork:
    """The submissions to a dataset that came from the networks of some of them: all, and those that count."""

    dataset: Dataset
    submissions: QuerySet[Submission]

    @property
    def n_submissions(self) -> int:
        return self.submissions.count()

    @property
    def n_workers(self) -> int:
        return self.submissions.order_by().values("worker").distinct().count()

    @property
    def n_counting(self) -> int:
        return self.submissions.filter(~is_excluded("pk")).count()


def work_of_network(dataset: Dataset, submissions: QuerySet[Submission]) -> NetworkWork:
    """Return all work from the networks of these submissions. Raises UserError if their networks are forgotten."""
    marks = set(submissions.order_by().values_list("lease__network_mark", flat=True)) - {"", None}
    if not marks:
        days = settings.NETWORK_MARK_DAYS
        raise UserError(
            ngettext(
                "The network of this work is not known: only work from study links has one, and it is forgotten "
                "after %(n)s day.",
                "The network of this work is not known: only work from study links has one, and it is forgotten "
                "after %(n)s days.",
                days,
            )
            % {"n": days}
        )
    of_dataset = Submission.objects.filter(hit__batch__dataset=dataset)
    return NetworkWork(dataset, of_dataset.filter(lease__network_mark__in=marks))


@dataclass(frozen=True)
class ExclusionStep:
    """Exclusions that were decided at once: how many submissions of how many workers, and how many still stand."""

    step: str
    reason: str
    created_at: datetime
    n_submissions: int
    n_workers: int
    n_standing: int


def exclusion_steps(dataset: Dataset) -> list[ExclusionStep]:
    """Return the steps of a dataset, the latest first."""
    rows = Exclusion.objects.filter(submission__hit__batch__dataset=dataset).exclude(step="")
    steps = (
        rows.order_by()
        .values("step")
        .annotate(
            text=Min("reason"),
            begin=Max("created_at"),
            n=Count("submission", distinct=True),
            n_workers=Count("submission__worker", distinct=True),
            n_standing=Count("pk", filter=Q(lifted_at=None)),
        )
    )
    columns = ("step", "text", "begin", "n", "n_workers", "n_standing")
    return [ExclusionStep(*row) for row in steps.order_by("-begin").values_list(*columns)]


def step_of(submissions: QuerySet[Submission]) -> str:
    """Return the latest step in which some of these submissions were excluded. Raises UserError if there is none."""
    standing = Exclusion.objects.filter(submission__in=submissions, lifted_at=None).exclude(step="")
    latest = standing.order_by("-pk").first()
    if latest is None:
        raise UserError(gettext("This work was not excluded together with the work of its network."))
    return latest.step
