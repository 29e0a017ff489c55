"""UniqueRequestToken: a request that is sent again does not happen again."""

from datetime import datetime, timedelta

from django.db import transaction

from marketplace.errors import Refusal
from marketplace.models import RequestToken

REMEMBERED = timedelta(hours=24)


@transaction.atomic(savepoint=False)
def spend_token(*, requester_id: int, purpose: str, token: str, request_id: str, at: datetime) -> RequestToken:
    """Use a token up, for a day. Two requests at once: the second waits for the first and is refused if that succeeds.

    What else the requests say is not compared: the token alone names them.
    """
    fresh = {"request_id": request_id, "used_at": at}
    row, created = RequestToken.objects.get_or_create(
        requester_id=requester_id, purpose=purpose, token=token, defaults=fresh
    )
    if created:
        return row
    row = RequestToken.objects.select_for_update(of=("self",)).select_related("hit").get(pk=row.pk)
    if row.used_at > at - REMEMBERED:
        raise already_used(row)
    row.request_id, row.used_at, row.hit = request_id, at, None
    row.save()
    return row


def already_used(row: RequestToken) -> Refusal:
    if row.hit:
        return Refusal("HitAlreadyExists", f"The HIT with HITId {row.hit.public_id} already exists for this token.")
    return Refusal(
        "InvalidParameterValue",
        f'The idempotency token "{row.token}" has already been processed, by the request {row.request_id}.',
    )
