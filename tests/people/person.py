"""A scripted person: what they do at a page, in small verbs, and, apart from it, what they mean by it.

A script is a text of verbs separated by semicolons: "start; see all; select 2 4; submit". Photographs are numbered in
the order of the person's own page, labels by their index. The verbs are the methods of `tests.people.acts.Acts`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

N_PHOTOGRAPHS = 8
GRID, FORM = "grid", "form"
LINK, FRAME = "link", "frame"
TASKS, PLACES = (GRID, FORM), (LINK, FRAME)


# Those that were never on the person's screen, which is for the script to know.
NOT_LOOKED_AT = (0,)


@dataclass(frozen=True)
class GridMeaning:
    """The photographs meant as yes and as maybe, and those about which nothing is meant; all others are meant as no."""

    yes: Collection[int] = ()
    maybe: Collection[int] = ()
    nothing: Collection[int] = ()

    def answers(self, looked: Collection[int]) -> dict[int, str]:
        """Return the answer that is meant for each photograph that is to have a vote; `looked` are those looked at."""
        numbers = looked if self.nothing == NOT_LOOKED_AT else range(1, N_PHOTOGRAPHS + 1)
        words = dict.fromkeys(numbers, "no") | dict.fromkeys(self.yes, "yes") | dict.fromkeys(self.maybe, "maybe")
        return {number: words[number] for number in numbers if number not in self.nothing}


@dataclass(frozen=True)
class FormMeaning:
    """The labels meant, and the one of the main object."""

    labels: Collection[int]
    main: int


# Whoever sends nothing, or says that they saw nothing, means nothing.
NO_VOTE = None
Meaning = GridMeaning | FormMeaning | None


@dataclass(frozen=True)
class Script:
    """The acts of a person at one kind of task, and their meaning. `n_answers` are the answers that they send."""

    acts: str
    means: Meaning
    is_sent: bool = True


@dataclass(frozen=True)
class Person:
    """A person. `device` are options of the browser's context; `study` names the study that the person is asked in.

    `absent` are the combinations of task and place that make no sense for the person, each with its reason.
    """

    name: str
    grid: Script | None = None
    form: Script | None = None
    device: Mapping[str, Any] = field(default_factory=dict)
    study: str = "plain"
    absent: Mapping[str, str] = field(default_factory=dict)
    # Facts of the submission by column of the export, as the person would report them.
    facts: Mapping[str, object] = field(default_factory=dict)

    def script(self, task: str) -> Script | None:
        return self.grid if task == GRID else self.form

    def reason_of_absence(self, task: str, place: str) -> str:
        """Return why the person does not do this task in this place; blank if they do."""
        for name in (task, place, f"{task} {place}"):
            if name in self.absent:
                return self.absent[name]
        return "" if self.script(task) else f"no script for the {task}"
