"""The grid page: which of these photographs contain an X?"""

from collections.abc import Mapping

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from contains_task.actions import record_votes
from contains_task.forms import GridAnswer
from contains_task.reads import cells_to_show
from workforce.models import HIT, Lease
from workforce.pages import UnfitAnswer, page_of_lease, serve
from workforce.reads import image_handle


# No cookie goes with these pages, so there is nothing a forged request could ride on; the work token is the proof.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "POST"])
def grid(request: HttpRequest, hit_id: str) -> HttpResponse:
    hit = get_object_or_404(HIT.objects.select_related("batch"), public_id=hit_id, grid__isnull=False)
    return serve(request, hit, show=_show, take=_take)


def _show(request: HttpRequest, lease: Lease) -> HttpResponse:
    label = lease.hit.grid.label
    own = {
        "label": label,
        "also_called": label.words.partition(",")[2].strip(),
        "lease": lease,
        "handles": _handles(lease),
    }
    return render(request, "contains_task/grid.html", page_of_lease(request, lease) | own)


def _take(request: HttpRequest, lease: Lease, sent: Mapping) -> None:
    image_of = _handles(lease)
    answer = GridAnswer(sent, shown=image_of)
    if not answer.is_valid():
        raise UnfitAnswer(answer.problem())
    ticked = [image_of[handle] for handle in answer.cleaned_data["selected"]]
    record_votes(lease=lease, selected=ticked, idempotency_key=f"{lease.public_id}.{answer.cleaned_data['key']}")


def _handles(lease: Lease) -> dict[str, str]:
    """What the page says for an image, to the image's public id, in the order of the page."""
    images = [cell.image.public_id for cell in cells_to_show(lease)]
    return {image_handle(lease, image): image for image in images}
