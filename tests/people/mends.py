"""The mends of faults that made votes nobody meant: each as a patch that takes it out, with the people who miss it."""

from dataclasses import dataclass

from tests.people.corpus import PEOPLE
from tests.people.person import FORM, GRID, LINK
from tests.security.removal import Defence

ON_LINKS = "tests/people/test_on_links.py::test_the_votes_are_what_a_person_meant"


@dataclass(frozen=True)
class Mend:
    """A mend: its words in a file, what stands there without it, and people (with their task) who then mean another."""

    name: str
    file: str
    text: str
    without: str
    people: tuple[tuple[str, str], ...]

    @property
    def patch(self) -> Defence:
        return Defence(self.name, self.file, self.text, self.without, self.tests)

    @property
    def tests(self) -> tuple[str, ...]:
        return tuple(f"{ON_LINKS}[{name}: {task}]" for name, task in self.people)

    def unknown_people(self) -> list[str]:
        """Return the names of those who do not do this task on a link."""
        known = {(person.name, task) for person in PEOPLE for task in (GRID, FORM) if is_there(person.name, task)}
        return [f"{name}: {task}" for name, task in self.people if (name, task) not in known]


def is_there(name: str, task: str) -> bool:
    return any(person.name == name and not person.reason_of_absence(task, LINK) for person in PEOPLE)


MENDS: tuple[Mend, ...] = ()
