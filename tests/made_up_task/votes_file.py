from collections.abc import Container, Iterator, Mapping, Sequence
from typing import NamedTuple

from catalog.models import Label
from workforce.votes.reads import Cells, Origin, origin_of, person_in, refuse_repeats, sitting, whole_number_in


class CountAnswer(NamedTuple):
    origin: Origin
    n_objects: int
    dataset_label: None = None
    cell_role: str = "question"

    @property
    def question(self) -> tuple:
        return (self.origin.image,)


def count_answer(line: int, cells: Cells, labels: Container[int]) -> CountAnswer:
    origin = origin_of(line, cells, f"count:{person_in(cells, 'worker')}", ("question", "repeat"))
    return CountAnswer(origin, whole_number_in(cells, "n_objects"))


def count_answers(answers: list[CountAnswer]) -> list[CountAnswer]:
    refuse_repeats(answers, "image and worker", sitting)
    return answers


def staged_values(answers: Sequence[CountAnswer], labels: Mapping[int, Label]) -> Iterator[tuple]:
    for answer in answers:
        yield (answer.n_objects,)


OTHER_ANSWER = """
    SELECT staged.line, staged.image FROM {staged} staged
    JOIN made_up_task_countvote vote ON vote.submission_id = staged.submission_id
    WHERE vote.n_objects <> staged.n_objects LIMIT 1
"""
FILL_ANSWERS = "UPDATE {staged} SET answer = jsonb_build_object('selected', jsonb_build_array(n_objects))"
ADD_COUNTINGS = "INSERT INTO made_up_task_counting (hit_id, image_id) SELECT DISTINCT hit_id, image_id FROM {staged}"
ADD_VOTES = """
    INSERT INTO made_up_task_countvote (submission_id, worker_id, image_id, n_objects, role, counted)
    SELECT submission_id, worker_id, image_id, n_objects, role,
           role = 'question' AND state = 'confirmed' AND NOT excluded AND turn = 0
    FROM {staged} ORDER BY position
"""
