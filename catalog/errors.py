"""What is said to people: a message, and a way out told once for the shell and once for a page.

Whoever shows it picks one of the two. Nothing is translated afterwards.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.core.management.base import CommandError


@dataclass(frozen=True)
class Remark:
    """Something to know that is no error. `message` stands alone; `shell` and `page` are sentences of their own.

    >>> remark = Remark("2 pairs were opened before.", shell="--again opens them.", page="“Open again” opens them.")
    >>> remark.for_shell
    '2 pairs were opened before. --again opens them.'
    """

    message: str
    shell: str = ""
    page: str = ""

    def __str__(self) -> str:
        return self.message

    @property
    def for_shell(self) -> str:
        return _with_way_out(self.message, self.shell)

    @property
    def for_page(self) -> str:
        return _with_way_out(self.message, self.page)


class UserError(ValueError):
    """What a person asked for cannot be done. `message` says why, `shell` and `page` say what can be done instead.

    >>> error = UserError("The batch is closed.", shell="./manage open opens one.", page="Open one on the page Grids.")
    >>> str(error), error.for_page
    ('The batch is closed.', 'The batch is closed. Open one on the page Grids.')
    """

    def __init__(self, message: str = "", *, shell: str = "", page: str = "") -> None:
        super().__init__(message)
        self.shell = shell
        self.page = page

    @property
    def for_shell(self) -> str:
        return _with_way_out(str(self), self.shell)

    @property
    def for_page(self) -> str:
        return _with_way_out(str(self), self.page)


def joined(texts: Iterable[Remark | UserError], between: str = "\n") -> Remark:
    """Return one remark of several: all messages, and then each way out once.

    >>> joined([Remark("a", page="x"), Remark("b", page="x"), Remark("c")], "; ").for_page
    'a; b; c x'
    """
    texts = list(texts)
    shell, page = (dict.fromkeys(filter(None, ways)) for ways in ([t.shell for t in texts], [t.page for t in texts]))
    return Remark(between.join(map(str, texts)), shell=" ".join(shell), page=" ".join(page))


@contextmanager
def as_command_errors() -> Iterator[None]:
    """Raise a UserError of the block as the CommandError that prints it; anything else keeps its traceback."""
    try:
        yield
    except UserError as error:
        raise CommandError(error.for_shell) from error


def reason_in(error: BaseException) -> str:
    """Return what an error of a library says. The name of its class is for programmers.

    >>> reason_in(EOFError("it ends early")), reason_in(EOFError())
    ('it ends early', 'no reason is told')
    """
    return str(error) or "no reason is told"


def _with_way_out(message: str, way_out: str) -> str:
    """A message of several lines ends with a list: the way out gets a line of its own."""
    return (("\n" if "\n" in message else " ") if message else "").join([message, way_out]) if way_out else message
