"""Responses that serve pictures."""

from typing import cast

from django.db.models.fields.files import FieldFile
from django.http import FileResponse, Http404

from catalog.actions import ensure_pictures
from catalog.models import Image

HEADERS = {
    "Content-Disposition": "inline",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


def picture_response(picture: FieldFile, max_age: int) -> FileResponse:
    """Return a derived picture; its headers name no dataset, file or class. Raises Http404 when there is none."""
    # Before the task has reached the image, the first request makes its pictures.
    image = cast(Image, picture.instance)
    picture = picture or getattr(ensure_pictures(image=image), picture.field.name)
    if not picture:
        raise Http404
    return file_response(picture, max_age)


def file_response(picture: FieldFile, max_age: int) -> FileResponse:
    """Return a picture's file. Raises Http404 when there is none."""
    try:
        content = picture.open()
    except FileNotFoundError:
        raise Http404 from None
    response = FileResponse(content, content_type="image/jpeg")
    for name, value in HEADERS.items():
        response[name] = value
    # The picture at an address never changes, so a browser may cache it; a shared cache may not.
    response["Cache-Control"] = f"private, max-age={max_age}, immutable"
    return response
