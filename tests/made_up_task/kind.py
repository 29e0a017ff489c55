from dataclasses import replace

from tests.made_up_task.actions import cast_vote, recovered_answer
from tests.made_up_task.models import CountVote
from tests.made_up_task.reads import (
    CountVoteFilter,
    CountVoteRow,
    answer_shown,
    count_vote_row,
    images_of_hit,
    votes_of,
)
from tests.made_up_task.votes_file import (
    ADD_COUNTINGS,
    ADD_VOTES,
    FILL_ANSWERS,
    OTHER_ANSWER,
    count_answer,
    count_answers,
    staged_values,
)
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
    JOIN made_up_task_counting counting ON counting.hit_id = hit.id
    JOIN made_up_task_counting earlier ON earlier.image_id = counting.image_id
"""
COUNT = TaskKind(
    name="count",
    title="COUNT",
    hits="countings",
    page="count-page",
    path="count/",
    urls="tests.made_up_task.urls",
    images_of_hit=images_of_hit,
    votes=Votes(
        model=CountVote,
        question=("image_id",),
        rows=ExportedRows(
            name="count_votes",
            says="How many objects each person saw.",
            rows_of=votes_of,
            order=("image__name", "submission_id"),
            row=count_vote_row,
            columns=("image", "n_objects", *VOTE_COLUMNS, "submission"),
            named=(),
        ),
        table=RestTable(key=("id",), description="All COUNT votes.", row=CountVoteRow, conditions=CountVoteFilter),
    ),
    offer=Offer(
        title="How many?",
        description="Count the things in a photograph.",
        n_items=lambda settings: 1,
        same_question=SAME_QUESTION,
    ),
    recovery=Recovery(answer=recovered_answer, cast_votes=cast_vote),
    answer_shown=AnswerShown(template="made_up_task/answer.html", context=answer_shown),
    replay=ReplayedVotes(
        columns=("image", "n_objects", "worker"),
        columns_described="image, n_objects, worker",
        answer=count_answer,
        in_order=count_answers,
        staged=StagedVotes(
            columns="n_objects integer",
            values=staged_values,
            other_answer=OTHER_ANSWER,
            fill_answers=FILL_ANSWERS,
            add_content=ADD_COUNTINGS,
            add_votes=ADD_VOTES,
            tables=("made_up_task_counting", "made_up_task_countvote"),
        ),
    ),
)
LINKS_ONLY = replace(COUNT, name="links_only", offer=None)
