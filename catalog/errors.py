"""Errors and remarks for people: a message, with one way out for the shell and one for pages.

The caller that shows it picks one of the two. Texts are translated where they are raised.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.apps import apps
from django.core.management.base import CommandError
from django.utils import translation


@dataclass(frozen=True)
class Remark:
    """A notice that is no error. `message` stands alone; `shell` and `page` are sentences of their own.

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
    """An error for people. `message` gives the reason; `shell` and `page` give the way out.

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


def gettext(message: str) -> str:
    """Return the translation of a message.

    Where no site is set up, as in a notebook or a process that decodes images, it stays as it is.
    """
    return translation.gettext(message) if apps.ready else message


def ngettext(singular: str, plural: str, number: int) -> str:
    """Return the translation that fits the number, as `gettext` does."""
    if apps.ready:
        return translation.ngettext(singular, plural, number)
    return singular if number == 1 else plural


class StagedConflict(UserError):
    """An error: a row of a file contradicts the stored data. `line` is its number in the file."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


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
    """Return the message of a library's error. The name of its class is for programmers.

    >>> reason_in(EOFError("it ends early")), reason_in(EOFError())
    ('it ends early', 'cause unknown')
    """
    return str(error) or gettext("cause unknown")


def _with_way_out(message: str, way_out: str) -> str:
    """Return both; after a message of several lines, which ends with a list, the way out gets its own line."""
    return (("\n" if "\n" in message else " ") if message else "").join([message, str(way_out)]) if way_out else message
