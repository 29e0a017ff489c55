"""Responses that serve pictures."""

import io
import logging
from typing import cast

from django.db.models.fields.files import FieldFile
from django.http import FileResponse, Http404, HttpRequest
from django.utils.cache import patch_vary_headers

from catalog.models import Image
from catalog.photographs.actions import ensure_pictures
from catalog.tiles.actions import ensure_small_version
from catalog.tiles.reads import CELL_SIDES, JPEG, WEBP, media_type

log = logging.getLogger(__name__)

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
    return _cached(FileResponse(content, content_type=JPEG), max_age)


def small_picture_response(request: HttpRequest, image: Image, side: int, max_age: int) -> FileResponse:
    """Return an image at most `side` pixels large, in the smaller format that the browser reads. Raises Http404."""
    image = image if image.display and image.thumbnail else ensure_pictures(image=image)
    if not image.display:
        raise Http404
    try:
        content = ensure_small_version(image=image, side=side)
    except OSError as error:
        log.error("No small version of image %s: %s", image.pk, error)
        content = b""
    if not content or (media_type(content) == WEBP and WEBP not in request.headers.get("Accept", "")):
        response = picture_response(image.thumbnail if side in CELL_SIDES else image.display, max_age)
    else:
        response = _cached(FileResponse(io.BytesIO(content), content_type=media_type(content)), max_age)
    patch_vary_headers(response, ["Accept"])
    return response


def _cached(response: FileResponse, max_age: int) -> FileResponse:
    for name, value in HEADERS.items():
        response[name] = value
    # The picture at an address never changes, so a browser may cache it; a shared cache may not.
    response["Cache-Control"] = f"private, max-age={max_age}, immutable"
    return response
