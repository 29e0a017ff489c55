"""The photographs as researchers see them, and how any of them is sent."""

from typing import cast

from django.core.exceptions import PermissionDenied
from django.db.models.fields.files import FieldFile
from django.http import FileResponse, Http404, HttpRequest
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from catalog.actions import ensure_pictures
from catalog.models import Image

SECONDS_OF_A_DAY = 86_400
HEADERS = {
    "Content-Disposition": "inline",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


@require_safe
def photograph(request: HttpRequest, public_id: str) -> FileResponse:
    """The picture for who is signed in; people at work meet it under an address of their lease's."""
    if not request.user.is_staff:
        raise PermissionDenied("Photographs have this address for researchers only. Sign in first.")
    image = get_object_or_404(Image.objects.only("display"), public_id=public_id)
    return picture_response(image.display, SECONDS_OF_A_DAY)


def picture_response(picture: FieldFile, max_age: int) -> FileResponse:
    """A derived picture, without a word on dataset, file or class. Raises Http404 when there is none."""
    # Before the task has been at the image, the first look makes its pictures.
    image = cast(Image, picture.instance)
    picture = picture or getattr(ensure_pictures(image=image), picture.field.name)
    if not picture:
        raise Http404
    try:
        content = picture.open()
    except FileNotFoundError:
        raise Http404 from None
    response = FileResponse(content, content_type="image/jpeg")
    for name, value in HEADERS.items():
        response[name] = value
    # An address never comes to mean another picture, so a browser may keep what it has; a shared cache may not.
    response["Cache-Control"] = f"private, max-age={max_age}, immutable"
    return response
