"""Secrets that a command makes: shown on a terminal, or written to a file of their owner's, and never into a log."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.utils.translation import gettext

from catalog.errors import UserError


def is_recorded(stream: Any) -> bool:
    """Return whether what is written here goes to a file or another program. A caller's stream in memory is neither."""
    try:
        return not os.isatty(stream.fileno())
    except (AttributeError, OSError, ValueError):
        return False


@contextlib.contextmanager
def secret_output(stream: Any, file: Path | None, *, option: str = "--to FILE") -> Iterator[Callable[[str], object]]:
    """Yield a function that shows a secret, before the secret is made. Raises UserError, with the way out.

    `file` is made for its owner alone; if the block fails, it is removed again.
    """
    if file is None:
        if is_recorded(stream):
            message = gettext(
                "This command shows a secret, and its output goes to a file or another program. Nothing was changed. "
                "Run it in a terminal, or add %(option)s."
            )
            raise UserError(message % {"option": option})
        yield stream.write
        return
    target = _new_private_file(file)
    try:
        with os.fdopen(target, "w") as writer:
            yield lambda text: print(text, file=writer)
    except BaseException:
        file.unlink(missing_ok=True)
        raise


def _new_private_file(file: Path) -> int:
    try:
        return os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        message = gettext("The file %(file)s cannot be made: %(error)s. Choose another name. Nothing was changed.")
        raise UserError(message % {"file": file, "error": error.strerror}) from None
