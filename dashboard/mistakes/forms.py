"""Forms of mistake queues."""

from typing import Any, cast

from django import forms
from django.utils.translation import gettext_lazy

from catalog.models import Classifier, Dataset
from review_task.mistakes.reads import classifiers_of


class OpenQueueForm(forms.Form):
    classifier: "forms.ModelChoiceField[Classifier]" = forms.ModelChoiceField(
        queryset=Classifier.objects.none(),
        label=gettext_lazy("Classifier"),
        help_text=gettext_lazy("Its first prediction for each image is compared with the labels in force."),
    )
    n_reviewers = forms.IntegerField(
        min_value=1, max_value=100, initial=1, label=gettext_lazy("Reviewers of each mistake")
    )
    title = forms.CharField(max_length=200, required=False, label=gettext_lazy("Title"))

    def __init__(self, dataset: Dataset, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        cast(Any, self.fields["classifier"]).queryset = classifiers_of(dataset)
