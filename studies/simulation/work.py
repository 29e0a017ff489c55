"""Simulated people at work: they open the study link, press Start, read the page, answer, and so on until the end."""

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from django.db import connections

from studies.simulation.browser import Browser, Reply
from studies.simulation.facts import facts_of
from studies.simulation.judgement import answer_to_form, answers_to_grid
from studies.simulation.pages import PageForm, read_page
from studies.simulation.people import Person
from studies.simulation.reads import Seen, seen_on_page

# Pages before the work that follow each other: Start, Continue, a consent text that has changed.
MOST_STARTS = 4


@dataclass(frozen=True)
class Meant:
    """The meaning of an answer: the handles or labels that a person chose, and the main label of a form."""

    participant: str
    lease: str
    selected: tuple[str, ...]
    maybe: tuple[str, ...] = ()
    main: str = ""


@dataclass
class Visitor:
    """A person with a browser, an ID and the study link of a batch; `page` is where they are."""

    person: Person
    participant: str
    browser: Browser
    link: str = ""
    page: Reply | None = None

    def open(self, link: str) -> None:
        self.link, self.page = link, None

    def do_next(self) -> Meant | None:
        """Answer the next task. Returns what was meant; None if there is nothing to do."""
        page = self.page or self.browser.get(self.link)
        for _ in range(MOST_STARTS):
            read = read_page(page.text)
            if page.status == 200 and read.work is not None:
                return self._answer(page, read.work, read.lease)
            if read.start is None:
                break
            page = self.browser.send_form(page.address, read.start.fields)
        self.page = None
        return None

    def _answer(self, page: Reply, form: PageForm, lease: str) -> Meant | None:
        seen = seen_on_page(self.person.seed, lease)
        if seen is None or not form.choices.get("selected"):
            return None
        meant = self._meant(form, lease, seen)
        reply = self._send(page.address, form, meant)
        if reply.status != 200:
            self.page = None
            return None
        # A form without scripts leads straight to the next page.
        self.page = reply if self.person.kind == "bot" else self.browser.get(reply.next)
        return meant

    def _meant(self, form: PageForm, lease: str, seen: Seen) -> Meant:
        offered = form.choices["selected"]
        sights = [seen.sights[value] for value in offered]
        if "main" in form.choices:
            labels, main = answer_to_form(self.person, seen.page, sights, seen.main)
            return Meant(self.participant, lease, tuple(map(str, labels)), main=str(main))
        answers = answers_to_grid(self.person, seen.page, sights, with_maybe=seen.with_maybe)
        yes, maybe = (
            tuple(value for value, answer in zip(offered, answers, strict=True) if answer == word)
            for word in ("yes", "maybe")
        )
        return Meant(self.participant, lease, yes, maybe)

    def _send(self, address: str, form: PageForm, meant: Meant) -> Reply:
        answer: dict[str, Any] = {"token": form.fields["token"], "key": form.fields["key"]}
        answer |= {"selected": list(meant.selected), "none": "yes"}
        answer |= {"maybe": list(meant.maybe)} if meant.maybe else {}
        answer |= {"main": meant.main} if meant.main else {}
        if self.person.kind == "bot":
            return self.browser.send_form(address, answer | {"scripts": "none"})
        return self.browser.send_answer(address, answer | facts_of(self.person, form, meant.selected))


@dataclass
class Crowd:
    """Visitors who take turns, some at once. `meant` is what they meant, in the order in which answers were stored.

    `progress` is called with the number of answers; an error that it raises ends the work. `pause` is the least time
    between two answers, in seconds.
    """

    visitors: list[Visitor]
    at_once: int
    most_answers: int | None = None
    pause: float = 0.0
    progress: Callable[[int], object] | None = None
    meant: list[Meant] = field(default_factory=list)

    def work(self, link_of: Callable[[Visitor], str], stint: int | None = None) -> int:
        """Have everybody do what they get by their study link, up to `stint` answers. Returns their number."""
        n_before = len(self.meant)
        for visitor in self.visitors:
            visitor.open(link_of(visitor))
        _Shift(self, None if stint is None else n_before + stint).run()
        return len(self.meant) - n_before

    @property
    def is_done(self) -> bool:
        return self.most_answers is not None and len(self.meant) >= self.most_answers

    def close(self) -> None:
        for visitor in self.visitors:
            visitor.browser.close()


class _Shift:
    """The work on one link: whoever has answered goes to the end of the line, whoever found nothing goes home."""

    def __init__(self, crowd: Crowd, end: int | None) -> None:
        self.crowd = crowd
        self.end = end
        self.line = deque(crowd.visitors)
        self.lock = threading.Lock()
        self.next_turn = time.monotonic()
        self.is_over = False

    def run(self) -> None:
        if self.crowd.at_once == 1:
            self._serve()
            return
        with ThreadPoolExecutor(self.crowd.at_once) as pool:
            tasks = [pool.submit(self._serve_in_thread) for _ in range(self.crowd.at_once)]
        for task in tasks:
            task.result()

    def _serve_in_thread(self) -> None:
        try:
            self._serve()
        finally:
            connections.close_all()

    def _serve(self) -> None:
        while (visitor := self._first_in_line()) is not None:
            try:
                meant = visitor.do_next()
                if meant is not None:
                    self._note(meant, visitor)
            except BaseException:
                self.is_over = True
                raise

    def _first_in_line(self) -> Visitor | None:
        with self.lock:
            if self.is_over or self.crowd.is_done or self.is_at_end or not self.line:
                return None
            wait = self.next_turn - time.monotonic()
            self.next_turn = max(self.next_turn, time.monotonic()) + self.crowd.pause
            visitor = self.line.popleft()
        time.sleep(max(0.0, wait))
        return visitor

    @property
    def is_at_end(self) -> bool:
        return self.end is not None and len(self.crowd.meant) >= self.end

    def _note(self, meant: Meant, visitor: Visitor) -> None:
        with self.lock:
            self.crowd.meant.append(meant)
            self.line.append(visitor)
            if self.crowd.progress is not None:
                self.crowd.progress(1)
