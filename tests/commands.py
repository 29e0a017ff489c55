"""Commands of `./manage` and their output."""

import io

import pytest
from django.core.management import CommandError, call_command


def said(command: str, *words: object) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command(command, *map(str, words), stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def refusal(command: str, *words: object) -> str:
    with pytest.raises(CommandError) as refused:
        said(command, *words)
    return str(refused.value)
