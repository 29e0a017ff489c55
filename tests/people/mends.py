"""The mends of faults that made votes nobody meant: each as a patch that takes it out, with the people who miss it."""

from dataclasses import dataclass

from tests.people.corpus import PEOPLE
from tests.people.person import FORM, FRAME, GRID, LINK
from tests.security.removal import Defence

TESTS = {LINK: "tests/people/test_on_links.py", FRAME: "tests/people/test_in_the_frame.py"}
PLACE_OF_TEST = "::test_the_votes_are_what_a_person_meant"


@dataclass(frozen=True)
class Mend:
    """A mend: its words in a file, what stands there without it, and people (with their task) who then mean another."""

    name: str
    file: str
    text: str
    without: str
    people: tuple[tuple[str, str], ...]
    place: str = LINK

    @property
    def patch(self) -> Defence:
        return Defence(self.name, self.file, self.text, self.without, self.tests)

    @property
    def tests(self) -> tuple[str, ...]:
        return tuple(f"{TESTS[self.place]}{PLACE_OF_TEST}[{name}: {task}]" for name, task in self.people)

    def unknown_people(self) -> list[str]:
        """Return the names of those who do not do this task in the place."""
        known = {person.name: person for person in PEOPLE}
        return [
            f"{name}: {task}"
            for name, task in self.people
            if name not in known or known[name].reason_of_absence(task, self.place)
        ]


ATTENTION, DRAFTS = "static/workforce/attention.js", "static/workforce/drafts.js"
FORM_SCRIPT, FACTS = "static/classify_task/form.js", "workforce/facts/reads.py"
UNLOADED = "says without scripts that two photographs did not load"

MENDS: tuple[Mend, ...] = (
    Mend(
        "Enter in a field sends nothing",
        "templates/workforce/work.html",
        'formmethod="dialog" formnovalidate class="unseen"',
        'formnovalidate class="unseen"',
        (
            ("presses Enter without scripts", GRID),
            ("presses Enter without scripts", FORM),
        ),
    ),
    Mend(
        "an untouched grid is asked about",
        "static/contains_task/grid.js",
        "askBefore(none);\n",
        "",
        (("submits an untouched grid by accident", GRID), ("means none of the photographs", GRID)),
    ),
    Mend(
        "an untouched grid is asked about without scripts",
        "contains_task/views.py",
        "    if answer.is_unconfirmed():\n",
        "    if not answer:\n",
        (("means none of the photographs, without scripts", GRID),),
    ),
    Mend(
        "no label becomes the main object by itself",
        FORM_SCRIPT,
        "  const { none, single, several } = hint.dataset;\n",
        "  const { none, single, several } = hint.dataset;\n"
        "  const first = mains.find((main) => main.value === values[0]);\n"
        "  if (first && !mains.some((main) => main.checked)) first.checked = true;\n",
        (("forgets the main object: the first label does not become it", FORM),),
    ),
    Mend(
        "arrows between main objects select nothing",
        FORM_SCRIPT,
        '    main.disabled = main.closest("label").hidden = !isSelected || values.length < 2;\n',
        "    main.onclick = () => (boxes.find((box) => box.value === main.value).checked = true);\n",
        (("lets the arrows pass all main objects, with two of three labels selected", FORM),),
    ),
    Mend(
        "a photograph that was not seen gets no vote",
        FACTS,
        "    unseen = unloaded.union(handle for handle, look in looks.items() if not _is_seen(look))\n",
        "    unseen = unloaded\n",
        (
            ("does not get two of the photographs", GRID),
            ("never scrolls, and submits all the same", GRID),
            ("gets no photographs at all", FORM),
        ),
    ),
    Mend(
        "a photograph that loaded out of view was not seen",
        FACTS,
        "    return bool(loaded) and milliseconds >= SHORTEST_LOOK_MS\n",
        "    return bool(loaded)\n",
        (("never scrolls, and submits all the same", GRID),),
    ),
    Mend(
        "whoever says that a photograph did not load gives no vote on it",
        FACTS,
        '    unloaded = frozenset(values_in(fields, "unloaded")).intersection(photographs)\n',
        "    unloaded: frozenset[str] = frozenset()\n",
        ((UNLOADED, GRID), (UNLOADED, FORM)),
    ),
    Mend(
        "people are led to what they have not seen",
        ATTENTION,
        "  checks.push(missing);\n",
        "",
        (("is led to what they have not seen, and looks", GRID),),
    ),
    Mend(
        "photographs are tried again",
        ATTENTION,
        "    record.timer = setTimeout(retry, seconds * 1000, image);\n",
        "",
        (("gets a photograph late", GRID),),
    ),
    Mend(
        "what was seen before a reload was seen",
        ATTENTION,
        "Math.max(record.seenMs, seenMs)",
        "record.seenMs",
        (("reloads, and submits without another look", GRID),),
    ),
    Mend(
        "a page goes on with the draft",
        DRAFTS,
        "  else if (stored) apply(stored.content);\n",
        "",
        (
            ("closes the tab and comes again by the link", GRID),
            ("closes the tab and comes again by the link", FORM),
            ("begins on the phone and goes on at the desk", GRID),
        ),
    ),
    Mend(
        "two tabs that differ ask which to keep",
        DRAFTS,
        "  } else choose(draft);\n",
        "  } else take(draft);\n",
        (
            ("has two tabs that differ, and keeps the first", GRID),
            ("has two tabs that differ, and keeps the first", FORM),
        ),
    ),
    Mend(
        "a form tells of the answer of another tab",
        "static/workforce/submit.js",
        "  spot.hidden = false;\n",
        "",
        (("submits in one tab and then in the other", FORM),),
    ),
    Mend(
        "maybe is stored",
        "contains_task/views.py",
        '        maybe=answer.cleaned_data["maybe"],\n',
        "",
        (("says maybe by a second press on the photograph", GRID), ("says maybe without scripts", GRID)),
    ),
    Mend(
        "the copy that travels through a marketplace has all that was meant",
        "static/workforce/submit.js",
        '  const more = { maybe: maybe.join(" "), main, unseen: unseen.join(" ") };\n',
        "  const more = { main };\n",
        (("says maybe while our site is away, so that the answer travels through the marketplace", GRID),),
        FRAME,
    ),
)
