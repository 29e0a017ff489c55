"""Types of what tests meet, and what a test knows to be there, said so that the types know it as well."""

from typing import TYPE_CHECKING, TypeVar

from django.http import HttpResponse

if TYPE_CHECKING:
    # What the test client makes of a response; there is no such class when tests run.
    from django.test.client import _MonkeyPatchedWSGIResponse as Page
else:
    Page = HttpResponse

Value = TypeVar("Value")

__all__ = ["Page", "require"]


def require(value: Value | None) -> Value:
    """Return `value`, which is not None; otherwise the test has failed."""
    assert value is not None, "this was to be there"
    return value
