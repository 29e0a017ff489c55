"""Setting of the guide as PDF by typst, an extra (requirements/pdf.in).

The document is a fixed program, `guide.typ`, which reads all texts from a JSON file. So no text is ever part of a
program: whatever somebody writes, it is set as it stands, and can read no file and import no package.
"""

import importlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PROGRAM = Path(__file__).with_name("guide.typ")


def typeset(dataset: str, entries: Sequence[Mapping[str, Any]], pictures: Mapping[str, bytes]) -> bytes:
    """Return the PDF of the entries of a study's guide. Raises ImportError without typst.

    `pictures` are JPEG files by the name that entries use for them, without its ending.
    """
    typst = importlib.import_module("typst")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = folder / "guide.typ"
        program.write_bytes(PROGRAM.read_bytes())
        content = {"dataset": dataset, "entries": list(entries)}
        (folder / "guide.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
        for public_id, picture in pictures.items():
            (folder / f"{public_id}.jpg").write_bytes(picture)
        # The folder is all that the program can read.
        document: bytes = typst.compile(program, root=folder)
        return document
