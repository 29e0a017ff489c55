from collections.abc import Mapping

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.csrf import csrf_exempt

from tests.made_up_task.actions import record_count
from tests.made_up_task.models import Counting
from workforce.models import HIT, Lease, Submission
from workforce.pages import ReportOutcome, page_of_lease, serve
from workforce.reads import image_handle


@csrf_exempt
def counting(request: HttpRequest, hit_id: str) -> HttpResponse:
    hit = get_object_or_404(HIT.objects.select_related("batch"), public_id=hit_id)
    return serve(request, hit, show=show, take=take)


def show(request: HttpRequest, lease: Lease, report: ReportOutcome) -> HttpResponse:
    """Reply with JSON, so that the test has no form to read."""
    carried = page_of_lease(request, lease, report)
    image = Counting.objects.get(hit=lease.hit).image
    photograph = f"/i/{lease.public_id}/{image_handle(lease, image.public_id)}.jpg"
    return JsonResponse({"token": carried["token"], "key": carried["key"], "photograph": photograph})


def take(request: HttpRequest, lease: Lease, sent: Mapping) -> Submission:
    return record_count(lease=lease, n_objects=int(sent["n_objects"]), idempotency_key=sent["key"])
