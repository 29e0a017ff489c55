from django.db import models
from django.db.models import Q

from catalog.models import Image
from workforce.models import HIT, Submission, Worker


class Counting(models.Model):
    """The content of a HIT: an image whose objects are counted."""

    hit = models.OneToOneField(HIT, on_delete=models.PROTECT, related_name="+")
    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="+")

    class Meta:
        app_label = "made_up_task"


class CountVote(models.Model):
    submission = models.OneToOneField(Submission, on_delete=models.PROTECT, related_name="+")
    worker = models.ForeignKey(Worker, on_delete=models.PROTECT, related_name="+")
    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="+")
    n_objects = models.PositiveIntegerField()
    role = models.CharField(max_length=10)
    counted = models.BooleanField()

    class Meta:
        app_label = "made_up_task"
        constraints = [
            models.UniqueConstraint(
                fields=["image", "worker"], condition=Q(counted=True), name="one_counted_count_vote_per_image"
            )
        ]
