"""Rows of the file of answers."""

from collections.abc import Mapping
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db.models import F, Func, JSONField, QuerySet, TextField

from catalog.models import Dataset
from workforce.facts.reads import FACT_COLUMNS, SHORTEST_LOOK_MS, PageFacts, fact_cells
from workforce.models import Submission
from workforce.reads import is_excluded, pseudonym_under, published_state

ANSWER_COLUMNS = (
    *("submission", "batch", "kind", "hit", "worker", "state", "submitted_at", "settings_version", "unseen"),
    *("unloaded", "unseen_cells"),
    *FACT_COLUMNS,
    "trace",
)
STORED = (
    *("submission", "state", "submitted_at", "worker_id", "excluded", "unseen", "cells", "page_facts", "trace"),
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


class CellsUnseen(Func):
    """The photographs of a raw answer if some were unseen, with the names of these by public id."""

    template = """
        CASE WHEN %(expressions)s ? 'unseen' THEN jsonb_build_object(
            'names', (SELECT jsonb_object_agg(public_id, name) FROM catalog_image WHERE public_id IN (
                SELECT jsonb_array_elements_text(%(expressions)s -> 'unseen')
            )),
            'shown', %(expressions)s -> 'shown', 'selected', %(expressions)s -> 'selected',
            'maybe', %(expressions)s -> 'maybe', 'photographs', %(expressions)s -> 'facts' -> 'photographs',
            'marks', %(expressions)s -> 'facts' -> 'marks'
        ) END
    """
    output_field = JSONField()


def answers_of(dataset: Dataset) -> QuerySet[Submission, Any]:
    """Return all submissions to the dataset's study, in their order: tuples of STORED, for `answer_row`."""
    answers = Submission.objects.filter(settings__dataset=dataset).annotate(
        submission=F("pk"),
        excluded=is_excluded("pk"),
        unseen=UnseenImages("answer"),
        cells=CellsUnseen("answer"),
        page_facts=PageFacts("answer"),
        trace=F("answer__facts__trace"),
    )
    return answers.order_by("pk").values_list(*STORED, named=True)


def unseen_cells(cells: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the facts of the photographs without a vote, from `CellsUnseen`, by name; as a file of votes has them.

    A form has no places, and the changes of its labels are those of its only photograph.

    >>> raw = {"names": {"x": "cat.jpg"}, "shown": ["y", "x"], "selected": ["x"], "maybe": None}
    >>> unseen_cells(raw | {"photographs": [[1, 900], [1, 40]], "marks": [[70, 1, 1], [80, 0, 1]]})
    [{'image': 'cat.jpg', 'loaded': True, 'seen_ms': 40, 'place': 1, 'marks': [70, 1], 'answer': 'yes'}]
    """
    of_image = [_unseen_cell(name, public_id, cells) for public_id, name in (cells.get("names") or {}).items()]
    return sorted(of_image, key=lambda cell: str(cell["image"]))


def _unseen_cell(name: str, public_id: str, cells: Mapping[str, Any]) -> dict[str, Any]:
    shown = cells["shown"] or []
    place = shown.index(public_id) if public_id in shown else None
    looks, marks = cells["photographs"] or [], cells["marks"] or []
    look = looks[place or 0] if len(looks) > (place or 0) else None
    answer = "maybe" if public_id in (cells["maybe"] or ()) else "yes" if public_id in cells["selected"] else "no"
    return {
        "image": name,
        # A photograph that was long in view is called unseen only by a page that could not load it.
        "loaded": look is not None and bool(look[0]) and look[1] < SHORTEST_LOOK_MS,
        "seen_ms": None if look is None else look[1],
        "place": place,
        "marks": marks
        if place is None
        else [each for mark in marks if mark[1] == place for each in (mark[0], mark[2])],
        "answer": None if place is None else answer,
    }


def answer_row(answer: Any, labels: object) -> dict[str, Any]:
    """Return a row of the file of answers."""
    cells = unseen_cells(answer.cells or {})
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
        "unloaded": [cell["image"] for cell in cells if not cell["loaded"]],
        "unseen_cells": cells,
        **fact_cells(answer.page_facts),
        "trace": answer.trace,
    }
