"""UniqueRequestToken: a repeated request has no further effect."""

from datetime import datetime, timedelta

from django.db import transaction

from marketplace.errors import Refusal
from marketplace.models import RequestToken

REMEMBERED = timedelta(hours=24)


@transaction.atomic(savepoint=False)
def spend_token(*, requester_id: int, purpose: str, token: str, request_id: str, moment: datetime) -> RequestToken:
    """Use a token for a day. Of two requests at once, the second waits and is refused if the first succeeds.

    Other parameters of the requests are not compared: the token alone identifies them.
    """
    values = {"request_id": request_id, "used_at": moment}
    row, created = RequestToken.objects.get_or_create(
        requester_id=requester_id, purpose=purpose, token=token, defaults=values
    )
    if created:
        return row
    row = RequestToken.objects.select_for_update(of=("self",)).select_related("hit").get(pk=row.pk)
    if row.used_at > moment - REMEMBERED:
        raise already_used(row)
    row.request_id, row.used_at, row.hit = request_id, moment, None
    row.save()
    return row


def already_used(row: RequestToken) -> Refusal:
    if row.hit:
        return Refusal("HitAlreadyExists", f"The HIT with HITId {row.hit.public_id} already exists for this token.")
    return Refusal(
        "InvalidParameterValue",
        f'The idempotency token "{row.token}" has already been processed, by the request {row.request_id}.',
    )
