from dataclasses import dataclass
from datetime import datetime

from marketplace.models import Requester


@dataclass(frozen=True)
class Call:
    """A request that is known to come from `requester` and to satisfy the model. `at` is the marketplace's time."""

    requester: Requester
    operation: str
    parameters: dict
    request_id: str
    at: datetime
