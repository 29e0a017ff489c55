from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from catalog.models import Dataset, Image, Label
from tests.made_up_task.models import Counting, CountVote
from workforce.models import Submission
from workforce.reads import is_excluded, pseudonym_under, published_state


def images_of_hit(hit_id: int) -> QuerySet[Image]:
    return Image.objects.filter(pk__in=Counting.objects.filter(hit=hit_id).values("image"))


def votes_of(dataset: Dataset) -> QuerySet[CountVote]:
    votes = CountVote.objects.filter(image__dataset=dataset).annotate(excluded=is_excluded())
    return votes.select_related("image__dataset", "submission__settings").order_by("id")


def count_vote_row(vote: Any, labels: Mapping[int, Label] | None = None) -> dict[str, Any]:
    return {
        "image": vote.image.name,
        "n_objects": vote.n_objects,
        "worker": pseudonym_under(vote.image.dataset.pseudonym_key, vote.worker_id),
        "role": vote.role,
        "state": published_state(vote.submission.state, vote.excluded),
        "submitted_at": vote.submission.submitted_at,
        "settings_version": vote.submission.settings.version,
        "submission": vote.submission_id,
    }


def answer_shown(hit_id: int, submission: Submission | None) -> dict[str, Any]:
    vote = CountVote.objects.filter(submission=submission).first()
    return {"image": Counting.objects.get(hit=hit_id).image, "n_objects": vote and vote.n_objects}


class CountVoteRow(serializers.Serializer):
    image = serializers.CharField()
    n_objects = serializers.IntegerField()
    worker = serializers.CharField()
    role = serializers.CharField()
    state = serializers.CharField()
    submitted_at = serializers.DateTimeField()
    settings_version = serializers.IntegerField()
    submission = serializers.IntegerField()


class CountVoteFilter(serializers.Serializer):
    n_objects = serializers.IntegerField(required=False)
