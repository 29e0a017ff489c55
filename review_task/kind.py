"""Expert review as a kind of task: is this label correct?"""

from django.utils.translation import gettext_lazy

from review_task.answers.reads import answer_shown
from review_task.api import LabelSetFilter, LabelSetRow, VerdictFilter, VerdictRow
from review_task.files.reads import LABEL_SETS
from review_task.mistakes.reads import COLUMNS, judged_mistakes, mistake_row
from review_task.models import Verdict
from review_task.opening.actions import KIND
from review_task.reads import images_of_hit, verdict_row, verdicts_of
from workforce.kinds import VOTE_COLUMNS, AnswerShown, DerivedRows, ExportedRows, RestTable, TaskKind, Votes

MISTAKES = ExportedRows(
    name="mistakes",
    says=gettext_lazy("The judged mistakes of classifiers, with category and severity, as ImageNet-M has them."),
    rows_of=judged_mistakes,
    order=("image__name", "label__index", "pk"),
    row=mistake_row,
    columns=COLUMNS,
    named=("prediction",),
)

# Members of the study work on the staff origin, so there are no worker pages, and no offer on a marketplace.
REVIEW = TaskKind(
    name=KIND,
    title="REVIEW",
    hits=gettext_lazy("class pages"),
    page="",
    path="",
    urls="",
    images_of_hit=images_of_hit,
    votes=Votes(
        model=Verdict,
        question=("item_id",),
        last_counts=True,
        rows=ExportedRows(
            name="verdicts",
            says=gettext_lazy("Every verdict of a reviewer on a label that was said of an image, by pseudonym."),
            rows_of=verdicts_of,
            order=("image__name", "item__label__index", "id"),
            row=verdict_row,
            columns=("image", "dataset_label", "label", "verdict", "category", "severity", "n_models", "origin")
            + ("counted", "review", "item", *VOTE_COLUMNS, "submission"),
            named=("dataset_label", "label"),
        ),
        table=RestTable(
            key=("id",),
            description=gettext_lazy("All verdicts of reviewers, including those that do not count: see counted."),
            row=VerdictRow,
            conditions=VerdictFilter,
        ),
    ),
    answer_shown=AnswerShown(template="review_task/answer.html", context=answer_shown),
    files=(MISTAKES,),
    derived=(
        DerivedRows(
            rows=LABEL_SETS,
            table=RestTable(
                key=("id",),
                description=gettext_lazy(
                    "Experts’ decision on each label of each image, in each review, and what it rests on."
                ),
                row=LabelSetRow,
                conditions=LabelSetFilter,
            ),
        ),
    ),
)
