"""The photographs as workers and researchers see them."""

from django.http import FileResponse, Http404, HttpRequest
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from catalog.models import Image

# A public id never comes to mean another picture, so a browser may keep what it has; a shared cache may not.
HEADERS = {
    "Content-Disposition": "inline",
    "Cache-Control": "private, max-age=86400, immutable",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


@require_safe
def photograph(request: HttpRequest, public_id: str) -> FileResponse:
    """The picture under its opaque name. Nothing in the answer tells the dataset, the file or the class."""
    image = get_object_or_404(Image.objects.only("display"), public_id=public_id)
    if not image.display:
        raise Http404
    try:
        content = image.display.open()
    except FileNotFoundError:
        raise Http404 from None
    response = FileResponse(content, content_type="image/jpeg")
    for name, value in HEADERS.items():
        response[name] = value
    return response
