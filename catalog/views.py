"""The photographs as researchers see them, and how any of them is sent."""

from django.core.exceptions import PermissionDenied
from django.http import FileResponse, HttpRequest
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from catalog.models import Image
from catalog.pages import picture_response

SECONDS_OF_A_DAY = 86_400


@require_safe
def photograph(request: HttpRequest, public_id: str) -> FileResponse:
    """The picture for who is signed in; people at work meet it under an address of their lease's."""
    if not request.user.is_staff:
        raise PermissionDenied("Photographs have this address for researchers only. Sign in first.")
    image = get_object_or_404(Image.objects.only("display"), public_id=public_id)
    return picture_response(image.display, SECONDS_OF_A_DAY)
