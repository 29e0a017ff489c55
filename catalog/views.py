"""The address at which researchers see photographs."""

from django.core.exceptions import PermissionDenied
from django.http import FileResponse, HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from catalog.models import Image
from catalog.pages import picture_response

SECONDS_OF_A_DAY = 86_400


@require_safe
def photograph(request: HttpRequest, public_id: str) -> FileResponse:
    """Return the picture to staff who are signed in; workers get it at an address of their lease."""
    if not request.user.is_staff:
        raise PermissionDenied(gettext("Only researchers can open this address. Sign in first."))
    image = get_object_or_404(Image.objects.only("display"), public_id=public_id)
    return picture_response(image.display, SECONDS_OF_A_DAY)
