"""What the functions behind the commands say in the words of a shell, said in those of the pages."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from annotation_site.refusals import EXPECTED
from annotation_site.study import Refused

OF_PAGES = (
    (r"The cap is --max-votes\.", "The cap is “Most votes for a pair”."),
    (r"--initial is 1 image", "“Images of each class to learn from” is 1 image"),
    (r"--min-votes (\d+) would", r"\1 votes at the fewest would"),
    (r", or lower that: \./manage settings --set min_shown=…", ", or lower min_shown on the page Settings"),
    (r"Give one: --similar FILE; or \./manage settings --set negatives_from=hierarchy\.",
     "Choose a file of similar labels, or set negatives_from to hierarchy on the page Settings."),
    (r"Compute them first \(\./manage potential_labels --dataset .+?\), or name the pairs: --pairs FILE\.",
     "Work them out first (the page Potential labels), or choose a file of pairs."),
    (r"\(\./manage settings --set control_pool=NAME\)", "(control_pool on the page Settings)"),
    (r": import its file first, \./manage import images", ": import its file first (the page Images)"),
    (r"\./manage predict --dataset .+? makes them, \./manage import predictions takes a file of them\.",
     "the page Classifiers makes them, or takes a file of them."),
    (r" \(\./manage predict\) or imported", " or imported (the page Classifiers)"),
    (r"onnx:PATH", "onnx:FILE in the models folder"),
    (r"; \./manage export grids tells every cell", "; the file of grids (the page Files) tells every cell"),
)  # fmt: skip


def in_page_words(message: str) -> str:
    """
    >>> in_page_words("and 3 more; ./manage export grids tells every cell")
    'and 3 more; the file of grids (the page Files) tells every cell'
    """
    for shell, page in OF_PAGES:
        message = re.sub(shell, page, message)
    return message


@contextmanager
def on_a_page(files: Iterable[Path] = ()) -> Iterator[None]:
    """What is refused in the block is said in page words, of these files by the names they were sent under.

    Raises Refused in the place of everything that commands expect.
    """
    try:
        yield
    except EXPECTED as error:
        message = str(error)
        for file in files:
            message = message.replace(str(file), file.name)
        raise Refused(in_page_words(message)) from error
