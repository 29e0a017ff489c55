"""Rows of the file of answers."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db.models import F, Func, QuerySet, TextField

from catalog.models import Dataset
from workforce.facts.reads import FACT_COLUMNS, PageFacts, fact_cells
from workforce.models import Submission
from workforce.reads import is_excluded, pseudonym_under, published_state

ANSWER_COLUMNS = (
    *("submission", "batch", "kind", "hit", "worker", "state", "submitted_at", "settings_version", "unseen"),
    *FACT_COLUMNS,
    "trace",
)
STORED = (
    *("submission", "state", "submitted_at", "worker_id", "excluded", "unseen", "page_facts", "trace"),
    *("hit__public_id", "hit__batch", "hit__batch__kind"),
    *("settings__version", "settings__dataset__pseudonym_key"),
)


class UnseenImages(Func):
    """The names of the images that a raw answer calls unseen."""

    template = (
        "ARRAY(SELECT name FROM catalog_image WHERE public_id IN "
        "(SELECT jsonb_array_elements_text(%(expressions)s -> 'unseen')) ORDER BY name)"
    )
    output_field = ArrayField(TextField())


def answers_of(dataset: Dataset) -> QuerySet[Submission, Any]:
    """Return all submissions to the dataset's study, in their order: tuples of STORED, for `answer_row`."""
    answers = Submission.objects.filter(settings__dataset=dataset).annotate(
        submission=F("pk"),
        excluded=is_excluded("pk"),
        unseen=UnseenImages("answer"),
        page_facts=PageFacts("answer"),
        trace=F("answer__facts__trace"),
    )
    return answers.order_by("pk").values_list(*STORED, named=True)


def answer_row(answer: Any, labels: object) -> dict[str, Any]:
    """Return a row of the file of answers."""
    return {
        "submission": answer.submission,
        "batch": answer.hit__batch,
        "kind": answer.hit__batch__kind,
        "hit": answer.hit__public_id,
        "worker": pseudonym_under(answer.settings__dataset__pseudonym_key, answer.worker_id),
        "state": published_state(answer.state, answer.excluded),
        "submitted_at": answer.submitted_at,
        "settings_version": answer.settings__version,
        "unseen": answer.unseen,
        **fact_cells(answer.page_facts),
        "trace": answer.trace,
    }
