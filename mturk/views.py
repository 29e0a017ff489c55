"""The page of a HIT that compensates a worker who could not submit."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET

from mturk.models import MarketplaceHIT
from workforce.pages import BadAddress, message_page, submit_address, visit_in

ACCEPT_TO_BE_PAID = gettext_lazy(
    "You worked on one of our tasks and could not submit it. Accept this task and press its "
    "button. It has no questions and pays the same reward."
)


# In the marketplace's frame, like the pages of HITs there.
@csrf_exempt
@never_cache
@require_GET
def compensation(request: HttpRequest, public_id: str) -> HttpResponse:
    """Show the page of a HIT that asks nothing: its button submits it to the marketplace."""
    marketplace_hit = get_object_or_404(MarketplaceHIT, public_id=public_id, compensates__isnull=False)
    try:
        visit = visit_in(request.GET)
    except BadAddress as error:
        return message_page(request, gettext("Unknown assignment"), error.for_page, 400)
    if visit is None:
        return message_page(request, gettext("Payment for your work"), str(ACCEPT_TO_BE_PAID), 200)
    fields = {"assignmentId": visit.assignment_id, "compensation": marketplace_hit.public_id}
    action = submit_address(request.GET.get("turkSubmitTo", ""), settings.MARKETPLACE_SITES)
    return render(request, "mturk/compensation.html", {"action": action, "fields": fields})
