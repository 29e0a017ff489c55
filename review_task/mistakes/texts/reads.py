"""Texts about a mistake queue that was opened, for the shell and for pages."""

from collections.abc import Iterator

from django.utils.translation import gettext, gettext_lazy, ngettext

from review_task.mistakes.actions import OpenedQueue
from review_task.models import LabelsInForce

SOURCES = {
    LabelsInForce.Source.REVIEWS: gettext_lazy("labels that reviewers found correct"),
    LabelsInForce.Source.PEOPLE: gettext_lazy("annotations by people"),
    LabelsInForce.Source.DATASET: gettext_lazy("the dataset’s label"),
    LabelsInForce.Source.PANEL: gettext_lazy("a panel’s file"),
}


def opened_message(opened: OpenedQueue) -> Iterator[str]:
    """Yield lines on what was opened, and on what was left out."""
    n_new = opened.n_new.total()
    message = ngettext(
        "%(title)s: %(n)s new mistake among %(predictions)s predictions.",
        "%(title)s: %(n)s new mistakes among %(predictions)s predictions.",
        n_new,
    )
    values = {"title": opened.review.title, "n": f"{n_new:,}", "predictions": f"{opened.n_predictions:,}"}
    yield message % values
    for source, name in SOURCES.items():
        if opened.n_new[source]:
            text = ngettext(
                "Labels in force are %(source)s: %(n)s image.",
                "Labels in force are %(source)s: %(n)s images.",
                opened.n_new[source],
            )
            yield text % {"source": name, "n": f"{opened.n_new[source]:,}"}
    for text, n in (
        (gettext("Left out as problematic images: %(n)s."), opened.n_problematic),
        (gettext("Left out as equivalent classes: %(n)s."), opened.n_equivalent),
        (gettext("Left out as images without a label: %(n)s."), opened.n_without_labels),
    ):
        if n:
            yield text % {"n": f"{n:,}"}
