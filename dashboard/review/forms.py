"""Forms that open a review, and assign its classes."""

from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy

from dashboard.review.reads import reviewers_of
from data_import.small_uploads.actions import too_large
from review_task.models import Review


class PredictionsFile(forms.Form):
    """A file of predictions, in place of those on the site."""

    file = forms.FileField(
        label=gettext_lazy("File of predictions"),
        required=False,
        help_text=gettext_lazy(
            "Without a file, the first prediction of each model on this site. With one: CSV, also as .csv.gz, with the "
            "columns image and label (class index) and, optionally, dataset_label, n_models and dataset. "
            "Images without a file are shown as their name."
        ),
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.gz,text/csv"}),
    )

    def clean_file(self) -> "UploadedFile[Any] | None":
        upload: UploadedFile[Any] | None = self.cleaned_data["file"]
        if upload is not None and (problem := too_large(upload)):
            raise ValidationError(problem)
        return upload


class OpenReviewForm(PredictionsFile):
    """The title and the figures of a new review."""

    field_order = ("title", "n_reviewers", "with_dataset_label", "file")

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
