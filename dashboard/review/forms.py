"""Forms that open a review, and assign its classes."""

from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.utils.translation import gettext_lazy

from dashboard.review.reads import reviewers_of
from review_task.models import Review


class OpenReviewForm(forms.Form):
    """The title and the figures of a new review."""

    title = forms.CharField(label=gettext_lazy("Title"), max_length=200, initial=gettext_lazy("Review"))
    n_reviewers = forms.IntegerField(
        label=gettext_lazy("Reviewers of each class"),
        min_value=1,
        max_value=100,
        initial=1,
        help_text=gettext_lazy("Each is blind to the others. Labels on which they disagree go to the consensus."),
    )
    with_dataset_label = forms.BooleanField(
        label=gettext_lazy("Also review the dataset’s own label where no model predicts it"),
        required=False,
        initial=True,
    )


class AssignmentForm(forms.Form):
    """A class, or a family of classes, and the people it is assigned to."""

    family = forms.CharField(
        label=gettext_lazy("Class or family of classes"),
        max_length=200,
        help_text=gettext_lazy(
            "A word, wnid or index of a class; the wnid of a group in WordNet, such as n02084071 for dogs; or a "
            "superclass."
        ),
    )
    people = forms.ModelMultipleChoiceField(
        queryset=User.objects.none(), label=gettext_lazy("Reviewers"), widget=forms.CheckboxSelectMultiple
    )
    group = forms.CharField(
        label=gettext_lazy("Name of the group"),
        max_length=100,
        required=False,
        help_text=gettext_lazy("With a name, these people are a group that shares its classes."),
    )

    def __init__(self, *args: Any, review: Review, **options: Any) -> None:
        super().__init__(*args, **options)
        people = self.fields["people"]
        assert isinstance(people, forms.ModelMultipleChoiceField)
        people.queryset = reviewers_of(review.batch.dataset)


class ReasonForm(forms.Form):
    """A reason of the review's own why an image is problematic."""

    words = forms.CharField(label=gettext_lazy("Reason"), max_length=100)
