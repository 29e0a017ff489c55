"""Values that a process computes of a label set once: its classes hardly ever change."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from django.db import connection

from catalog.models import LabelSet

Value = TypeVar("Value")

MOST_LABEL_SETS = 8
# Counts notice rows that have gone, keys those that have come in their place, and transactions those that have changed.
NEWEST_CHANGE = """
    SELECT count(*), max(id)::text, sum(xmin::text::bigint) FROM catalog_label WHERE label_set_id = %s
    UNION ALL SELECT count(*), max(wnid), sum(xmin::text::bigint) FROM catalog_synset
    UNION ALL SELECT count(*), max(id)::text, sum(xmin::text::bigint) FROM catalog_synset_hypernyms
"""


class LabelSetCache(Generic[Value]):
    """Values by label set, each computed again after a label, a synset or the hierarchy has changed."""

    def __init__(self, compute: Callable[[LabelSet], Value]) -> None:
        self._compute = compute
        self._values: OrderedDict[int, tuple[object, Value]] = OrderedDict()
        self._lock = threading.Lock()

    def value_of(self, label_set: LabelSet) -> Value:
        change = _newest_change(label_set)
        # The lock is held while the value is computed: requests that come meanwhile need the same one.
        with self._lock:
            stored = self._values.get(label_set.pk)
            if stored is None or stored[0] != change:
                stored = self._values[label_set.pk] = (change, self._compute(label_set))
            self._values.move_to_end(label_set.pk)
            while len(self._values) > MOST_LABEL_SETS:
                self._values.popitem(last=False)
        return stored[1]


def _newest_change(label_set: LabelSet) -> object:
    with connection.cursor() as cursor:
        cursor.execute(NEWEST_CHANGE, [label_set.pk])
        return cursor.fetchall()
