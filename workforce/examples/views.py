"""Example photographs, at addresses that nobody can guess: the same for everybody, and no images of a study."""

from django.http import FileResponse, HttpRequest
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from catalog.models import Example
from catalog.pages import file_response

SECONDS = 24 * 3600


@require_safe
def example(request: HttpRequest, public_id: str) -> FileResponse:
    return file_response(get_object_or_404(Example, public_id=public_id).picture, SECONDS)
