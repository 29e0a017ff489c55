"""Photographs of a page of work, available as long as its lease."""

from functools import lru_cache

from django.http import FileResponse, Http404, HttpRequest
from django.views.decorators.http import require_safe

from catalog.models import Image
from catalog.pages import picture_response, small_picture_response
from catalog.tiles.reads import SIDES
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


@require_safe
def small_photograph(request: HttpRequest, lease_id: str, side: int, handle: str) -> FileResponse:
    """Serve a photograph of a lease's page, at most as large as one of the SIDES says."""
    if side not in SIDES:
        raise Http404
    image, seconds = _image_on_page(lease_id, handle)
    return small_picture_response(request, image, side, seconds)


def _image_on_page(lease_id: str, handle: str) -> tuple[Image, int]:
    """Return the image of a handle, and the seconds it stays available. Raises Http404 otherwise."""
    lease = lease_of_page(lease_id)
    if lease is None:
        raise Http404
    seconds = seconds_of_pictures(lease)
    if seconds <= 0:
        raise Http404
    public_ids = _public_ids(lease.batch.kind, lease.hit.public_id, lease.hit_id)
    matches = (public_id for public_id in public_ids if is_handle_of(lease, public_id, handle))
    image = Image.objects.filter(public_id=next(matches, "")).first()
    if image is None:
        raise Http404
    return image, int(seconds)


# A page asks for all its photographs within seconds, and the images of a HIT never change. By its public id, which is
# random: a restored database may use the other ids again.
@lru_cache(maxsize=1000)
def _public_ids(kind: str, hit_public_id: str, hit_id: int) -> tuple[str, ...]:
    return tuple(kind_named(kind).images_of_hit(hit_id).values_list("public_id", flat=True))
