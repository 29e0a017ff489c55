"""Workers whom a study gives no more work."""

from django.db import models
from django.db.models import Q

from catalog.models import Dataset
from workforce.models.people_and_work import Worker


class Bar(models.Model):
    """The reason why a worker gets no more work of a dataset. What they hold, they may finish; pay is untouched.

    Reversible: lifting it keeps the record. `step` is common to bars that were decided at once.
    """

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="bars", db_index=False)
    worker = models.ForeignKey(Worker, on_delete=models.PROTECT, related_name="bars", db_index=False)
    reason = models.CharField(max_length=500)
    step = models.CharField(max_length=32, blank=True, default="", db_default="", editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    lifted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            # Also the index by which an assignment of work looks a worker up.
            models.UniqueConstraint(
                fields=["worker", "dataset"], condition=Q(lifted_at=None), name="one_standing_bar_per_worker"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="bar_has_a_reason"),
        ]

    def __str__(self) -> str:
        return f"bar of {self.worker} from {self.dataset}"
