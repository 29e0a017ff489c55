"""The export's words on a person's answer, in the words of what they meant."""

from collections.abc import Collection

from tests.people.acts import Acts
from tests.people.person import FRAME, N_PHOTOGRAPHS, FormMeaning, GridMeaning, Meaning, Person, Script
from tests.people.stage import Stage, confirm_answers
from tests.required import require
from workforce.tasks import take_in_recovered

Answer = dict[int, str] | tuple[list[int], int] | None


def check_work(stage: Stage, person: Person, task: str, place: str) -> None:
    """Have a person work, and compare the votes of the export with what they meant."""
    script = require(person.script(task))
    study = stage.study(task, place, person.study)
    acts = Acts(stage, study, person, place)
    try:
        acts.run(script.acts)
        if script.is_sent and "arrive" not in script.acts:
            acts.arrive()
        assert exported(acts, script) == meant(script.means, acts.looked)
        assert not acts.problems
    finally:
        acts.leave()


def meant(meaning: Meaning, looked: Collection[int]) -> Answer:
    if isinstance(meaning, GridMeaning):
        answers = meaning.answers(looked)
        assert meaning.nothing == () or 0 < len(answers) < N_PHOTOGRAPHS, "everything was on the screen"
        return answers
    return (sorted(meaning.labels), meaning.main) if isinstance(meaning, FormMeaning) else None


def exported(acts: Acts, script: Script) -> Answer:
    """Return the person's answer by the votes file: by the number of the photograph on their page, or by labels."""
    if acts.place == FRAME and script.is_sent:
        confirm_answers()
        take_in_recovered()
    worker = acts.worker()
    # From another tab of the frame, and the marketplace has listed the answer of this one: it never counts.
    rows = [row for row in (acts.study.rows(worker) if worker else []) if row["state"] != "orphaned"]
    assert {row["state"] for row in rows} <= {"confirmed"}
    assert len({row["submission"] for row in rows}) <= 1
    if isinstance(script.means, FormMeaning):
        (row,) = rows
        return [int(label) for label in row["selected"].split()], int(row["main"])
    if not rows:
        return None
    answers = {row["image"]: row["answer"] for row in rows}
    assert len(answers) == len(rows)
    numbers = {image.name: number for number, image in enumerate(acts.images_in_order(), start=1)}
    return {numbers[name]: answer for name, answer in sorted(answers.items(), key=lambda item: numbers[item[0]])}
