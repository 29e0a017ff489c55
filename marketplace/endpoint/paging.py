"""Pages by key: a token names the last row of a page, for this list of this requester only.

Every page that is not empty has a token, an empty page has none: clients rely on both.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from django.core.signing import BadSignature, Signer
from django.db.models import Model, QuerySet

from marketplace.endpoint.calls import Call
from marketplace.errors import BadParameter

DEFAULT_SIZE = 10
Row = TypeVar("Row", bound=Model)
NOT_PART_OF_THE_LIST = ("NextToken", "MaxResults")


def page(
    call: Call, name: str, rows: QuerySet[Row], shape: Callable[[Row], Mapping], newest_first: bool = False
) -> dict:
    """Return a page of `rows` under the member `name`."""
    signer = Signer(salt=f"marketplace.page.{list_name(call)}")
    if token := call.parameters.get("NextToken"):
        last_pk = last_seen(signer, token)
        rows = rows.filter(pk__lt=last_pk) if newest_first else rows.filter(pk__gt=last_pk)
    members = list(rows.order_by("-pk" if newest_first else "pk")[: call.parameters.get("MaxResults", DEFAULT_SIZE)])
    answer: dict[str, Any] = {"NumResults": len(members), name: [shape(row) for row in members]}
    return answer | ({"NextToken": signer.sign(str(members[-1].pk))} if members else {})


def list_name(call: Call) -> str:
    """Return the identity of a list: its requester, operation and filters."""
    filters = {name: value for name, value in call.parameters.items() if name not in NOT_PART_OF_THE_LIST}
    text = f"{call.operation} {call.requester.pk} {sorted(filters.items())}"
    return hashlib.sha256(text.encode()).hexdigest()


def last_seen(signer: Signer, token: str) -> int:
    try:
        return int(signer.unsign(token))
    except (BadSignature, ValueError):
        raise BadParameter("NextToken is not one that this list gave. Begin again without it.") from None
