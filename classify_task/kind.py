"""CLASSIFY as a kind of task."""

from django.utils.translation import gettext_lazy

from catalog.models import SettingsVersion
from classify_task.actions import cast_vote, recovered_answer
from classify_task.api import ClassifyVoteFilter, ClassifyVoteRow
from classify_task.bulk_load_sql import ADD_FORMS, ADD_VOTES, FILL_ANSWERS, OTHER_ANSWER
from classify_task.models import ClassifyVote
from classify_task.reads import answer_shown, classify_vote_row, images_of_hit, names_waiting, votes_of
from classify_task.votes_file import COLUMNS, classify_answer, classify_answers, staged_values
from workforce.facts.reads import FACT_COLUMNS
from workforce.kinds import (
    VOTE_COLUMNS,
    AnswerShown,
    ExportedRows,
    Offer,
    Recovery,
    ReplayedVotes,
    RestTable,
    StagedVotes,
    TaskKind,
    Votes,
)

# Estimate before any form exists: the candidate labels that grids leave of the potential labels.
LABELS_OF_A_FORM = 5
SAME_QUESTION = """
    JOIN classify_task_form form ON form.hit_id = hit.id
    JOIN classify_task_form earlier ON earlier.image_id = form.image_id
"""


def n_labels(settings: SettingsVersion) -> int:
    return LABELS_OF_A_FORM


CLASSIFY = TaskKind(
    name="classify",
    title="CLASSIFY",
    hits=gettext_lazy("forms"),
    page="classify-form",
    path="classify/",
    urls="classify_task.urls",
    images_of_hit=images_of_hit,
    instructions=("classify_task/form.html",),
    votes=Votes(
        model=ClassifyVote,
        question=("image_id",),
        rows=ExportedRows(
            name="classify_votes",
            says=gettext_lazy("Every answer to a form: the selected labels and the main label, by pseudonym."),
            rows_of=votes_of,
            order=("image__name", "submission_id"),
            row=classify_vote_row,
            columns=("image", "dataset_label", "annotator", "main", "selected", *VOTE_COLUMNS, "submission")
            + ("shown", "seen_ms", "marks", *FACT_COLUMNS),
            named=("dataset_label", "main", "selected"),
        ),
        table=RestTable(
            key=("image_id", "submission_id"),
            description=gettext_lazy(
                "All CLASSIFY votes by image, including votes that do not count: see role and state."
            ),
            row=ClassifyVoteRow,
            conditions=ClassifyVoteFilter,
        ),
        has_surplus=True,
    ),
    offer=Offer(
        title=gettext_lazy("What is in the photograph?"),
        description=gettext_lazy("Look at a photograph and select the labels of the objects in it."),
        n_items=n_labels,
        same_question=SAME_QUESTION,
    ),
    recovery=Recovery(answer=recovered_answer, cast_votes=cast_vote),
    answer_shown=AnswerShown(template="classify_task/answer.html", context=answer_shown),
    replay=ReplayedVotes(
        columns=COLUMNS,
        columns_described=gettext_lazy("image, dataset_label, annotator, main, selected (labels separated by spaces)"),
        further=("shown", "seen_ms", "marks", *FACT_COLUMNS),
        answer=classify_answer,
        in_order=classify_answers,
        staged=StagedVotes(
            columns="selected integer[], main integer, form_labels integer[]",
            values=staged_values,
            other_answer=OTHER_ANSWER,
            fill_answers=FILL_ANSWERS,
            add_content=ADD_FORMS,
            add_votes=ADD_VOTES,
            tables=("classify_task_form", "classify_task_classifyvote"),
        ),
        waiting=names_waiting,
    ),
)
