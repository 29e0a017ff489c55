"""The corpus: people who work in their own ways, and what each of them means."""

from tests.people.before import BEFORE
from tests.people.hasty import HASTY
from tests.people.interrupted import INTERRUPTED
from tests.people.person import Person
from tests.people.plain import PLAIN
from tests.people.three_way import THREE_WAY
from tests.people.unseen import UNSEEN

PEOPLE: tuple[Person, ...] = (*PLAIN, *HASTY, *INTERRUPTED, *UNSEEN, *THREE_WAY, *BEFORE)
