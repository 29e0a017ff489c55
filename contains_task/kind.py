"""CONTAINS as a kind of task."""

from django.utils.translation import gettext_lazy

from catalog.models import SettingsVersion
from contains_task.actions import cast_votes, recovered_answer
from contains_task.answers.reads import answer_shown
from contains_task.api import ContainsVoteFilter, ContainsVoteRow
from contains_task.bulk_load_sql import ADD_GRIDS, ADD_VOTES, FILL_ANSWERS, OTHER_ANSWER
from contains_task.models import ContainsVote
from contains_task.reads import (
    contains_vote_row,
    grid_cell_row,
    grid_cells_of,
    images_of_hit,
    votes_of,
)
from contains_task.votes_file import COLUMNS, contains_answer, contains_answers, staged_values
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

SAME_QUESTION = """
    JOIN contains_task_grid grid ON grid.hit_id = hit.id
    JOIN contains_task_gridcell cell ON cell.grid_id = grid.id AND cell.role = 'question'
    JOIN contains_task_gridcell seen ON seen.image_id = cell.image_id AND seen.role = 'question'
    JOIN contains_task_grid earlier ON earlier.id = seen.grid_id AND earlier.label_id = grid.label_id
"""


def n_images(settings: SettingsVersion) -> int:
    return settings.images_per_grid


CONTAINS = TaskKind(
    name="contains",
    title="CONTAINS",
    hits=gettext_lazy("grids"),
    page="contains-grid",
    path="contains/",
    urls="contains_task.urls",
    images_of_hit=images_of_hit,
    instructions=("contains_task/grid.html",),
    votes=Votes(
        model=ContainsVote,
        question=("image_id", "label_id"),
        rows=ExportedRows(
            name="contains_votes",
            says=gettext_lazy("Every answer to every cell of a grid, selected or not, by pseudonym."),
            rows_of=votes_of,
            order=("image__name", "label__index", "id"),
            row=contains_vote_row,
            columns=("image", "label", "rater", "answer", *VOTE_COLUMNS, "dataset_label", "submission")
            + ("place", "seen_ms", "marks", *FACT_COLUMNS),
            named=("label", "dataset_label"),
        ),
        table=RestTable(
            key=("id",),
            description=gettext_lazy("All CONTAINS votes, including votes that do not count: see role and state."),
            row=ContainsVoteRow,
            conditions=ContainsVoteFilter,
        ),
        has_surplus=True,
    ),
    offer=Offer(
        title=gettext_lazy("Select photographs"),
        description=gettext_lazy("Look at small photographs and select those that show a given object."),
        n_items=n_images,
        same_question=SAME_QUESTION,
    ),
    recovery=Recovery(answer=recovered_answer, cast_votes=cast_votes),
    answer_shown=AnswerShown(template="contains_task/answer.html", context=answer_shown),
    replay=ReplayedVotes(
        columns=COLUMNS,
        columns_described=gettext_lazy("image, label, rater, answer (yes, maybe or no; yes means selected)"),
        further=("dataset_label", "place", "seen_ms", "marks", *FACT_COLUMNS),
        needs_dataset_labels=True,
        answer=contains_answer,
        in_order=contains_answers,
        staged=StagedVotes(
            columns="selected boolean, maybe boolean, label_id bigint, cell_role text",
            values=staged_values,
            other_answer=OTHER_ANSWER,
            fill_answers=FILL_ANSWERS,
            add_content=ADD_GRIDS,
            add_votes=ADD_VOTES,
            tables=("contains_task_grid", "contains_task_gridcell", "contains_task_containsvote"),
        ),
    ),
    files=(
        ExportedRows(
            name="grids",
            says=gettext_lazy(
                "Every cell of every grid, with its position, role (question, control, padding) and expected answer."
            ),
            rows_of=grid_cells_of,
            order=("grid__hit_id", "position"),
            row=grid_cell_row,
            columns=("grid", "batch", "settings_version", "label", "position", "image", "image_dataset", "role")
            + ("expected",),
            named=("label",),
        ),
    ),
)
