"""Errors of the REST interface, all in one shape: {"error": {"code", "message"}}."""

import logging
from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext
from rest_framework.exceptions import APIException, NotFound, ValidationError
from rest_framework.response import Response
from rest_framework.views import exception_handler

from api.pagination import InvalidCursor
from catalog.reads import UnknownDataset

log = logging.getLogger(__name__)


def error_response(exception: Exception, context: dict[str, Any]) -> Response:
    """Return the answer to an exception of a view; log unexpected exceptions and answer them with 500."""
    response = exception_handler(_as_api_exception(exception), context)
    if response is None:
        log.error("A request to %s failed.", context["request"].path, exc_info=exception)
        response = exception_handler(
            APIException(gettext("Something went wrong on our side. Please try again later.")), context
        )
        assert response is not None, "an APIException is always answered"
    code, message = _code_and_message(response.data)
    response.data = {"error": {"code": code, "message": message}}
    return response


def _as_api_exception(exception: Exception) -> Exception:
    if isinstance(exception, UnknownDataset):
        return NotFound(str(exception), code="unknown_dataset")
    if isinstance(exception, InvalidCursor):
        return ValidationError(str(exception), code="invalid_cursor")
    return exception


def _code_and_message(data: dict[str, Any] | list[Any]) -> tuple[str, str]:
    """Return a code, and all messages, each with its parameter."""
    problems = list(_problems(data))
    messages = [f"{name}: {problem}" if name else str(problem) for name, problem in problems]
    name, problem = problems[0]
    return "invalid_parameter" if name else problem.code, " ".join(messages)


def _problems(data: dict[str, Any] | list[Any]) -> Iterator[tuple[str, Any]]:
    if isinstance(data, list):
        yield from (("", problem) for problem in data)
    elif "detail" in data:
        yield "", data["detail"]
    else:
        yield from ((name, problem) for name, problems in data.items() for problem in problems)
