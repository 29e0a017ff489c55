"""Photographs of a page of work, available as long as its lease."""

from django.http import FileResponse, Http404, HttpRequest
from django.views.decorators.http import require_safe

from catalog.models import Image
from catalog.pages import picture_response
from workforce.kinds import kind_named
from workforce.reads import is_handle_of, lease_of_page, seconds_of_pictures


@require_safe
def work_photograph(request: HttpRequest, lease_id: str, handle: str) -> FileResponse:
    """Serve a photograph of a lease's page."""
    image, seconds = _image_on_page(lease_id, handle)
    return picture_response(image.display, seconds)


@require_safe
def cell_photograph(request: HttpRequest, lease_id: str, handle: str) -> FileResponse:
    """Serve a photograph of a lease's page in the size of a cell."""
    image, seconds = _image_on_page(lease_id, handle)
    return picture_response(image.thumbnail, seconds)


def _image_on_page(lease_id: str, handle: str) -> tuple[Image, int]:
    """Return the image of a handle, and the seconds it stays available. Raises Http404 otherwise."""
    lease = lease_of_page(lease_id)
    if lease is None:
        raise Http404
    seconds = seconds_of_pictures(lease)
    if seconds <= 0:
        raise Http404
    images = kind_named(lease.batch.kind).images_of_hit(lease.hit_id)
    matches = (image for image in images if is_handle_of(lease, image.public_id, handle))
    if (image := next(matches, None)) is None:
        raise Http404
    return image, int(seconds)
