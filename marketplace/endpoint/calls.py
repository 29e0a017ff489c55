from dataclasses import dataclass
from datetime import datetime

from marketplace.models import Requester


@dataclass(frozen=True)
class Call:
    """A verified request of `requester` that satisfies the model. `moment` is the marketplace's time."""

    requester: Requester
    operation: str
    parameters: dict
    request_id: str
    moment: datetime
