"""Keys of what a reviewer pressed on a class page, so that a press that is sent twice is stored once."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from review_task.models.reviews import Item
from workforce.models import Submission


class Press(models.Model):
    """A press that is stored, or that came too late. `key` is the page's own, `device` of the browser that sent it.

    Of a verdict, `item` says on what: an older press of another device must not undo it.
    """

    submission = models.ForeignKey(Submission, on_delete=models.PROTECT, related_name="presses", db_index=False)
    key = models.CharField(max_length=40)
    device = models.CharField(max_length=20)
    item = models.ForeignKey(Item, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "presses"
        constraints = [
            models.UniqueConstraint(fields=["submission", "key"], name="press_once_per_submission"),
            models.CheckConstraint(condition=~Q(key=""), name="press_has_a_key"),
        ]
        indexes = [
            models.Index(fields=["submission", "item"], condition=Q(item__isnull=False), name="presses_on_an_item")
        ]

    def __str__(self) -> str:
        return f"{self.key} of {self.submission}"
