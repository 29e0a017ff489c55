"""The page of a HIT that pays somebody who worked and could not submit."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET

from mturk.models import MarketplaceHIT
from workforce.pages import BadAddress, message_page, submit_address, visit_in

ACCEPT_TO_BE_PAID = (
    "You worked on a HIT of ours and could not hand it in. Accept this one and press its button: it asks nothing and "
    "pays the same."
)


# In the marketplace's frame, like the pages of HITs there.
@csrf_exempt
@never_cache
@require_GET
def compensation(request: HttpRequest, public_id: str) -> HttpResponse:
    """The page of a HIT that asks nothing: a button that hands it in to the marketplace."""
    marketplace_hit = get_object_or_404(MarketplaceHIT, public_id=public_id, compensates__isnull=False)
    try:
        visit = visit_in(request.GET)
    except BadAddress as error:
        return message_page(request, "This is no assignment", error.for_page, 400)
    if visit is None:
        return message_page(request, "For your work", ACCEPT_TO_BE_PAID, 200)
    fields = {"assignmentId": visit.assignment_id, "compensation": marketplace_hit.public_id}
    action = submit_address(request.GET.get("turkSubmitTo", ""), settings.MARKETPLACE_SITES)
    return render(request, "mturk/compensation.html", {"action": action, "fields": fields})
