"""Text in CSV files that spreadsheets open: a cell must not be taken for a formula."""

import re

FORMULA = re.compile(r"'*[=+\-@\t\r]")
GUARDED = re.compile(r"'+[=+\-@\t\r]")


def guarded(text: str) -> str:
    """Put an apostrophe before what a spreadsheet would compute.

    Text that has apostrophes before it already gets one more, so that `unguarded` gives back every text.

    >>> guarded("=1+1"), guarded("'=1+1"), guarded("it's")
    ("'=1+1", "''=1+1", "it's")
    """
    return f"'{text}" if FORMULA.match(text) else text


def unguarded(cell: str) -> str:
    """Return the text from which `guarded` made the cell.

    >>> unguarded("'=1+1"), unguarded("''=1+1"), unguarded("'tis")
    ('=1+1', "'=1+1", "'tis")
    """
    return cell[1:] if GUARDED.match(cell) else cell
