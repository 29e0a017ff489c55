"""The form that opens a blind review."""

from typing import Any, cast

from django import forms
from django.utils.translation import gettext_lazy

from dashboard.outcomes.reads import Sources

MOST_REVIEWERS = 100


class SecondReviewForm(forms.Form):
    """Title, reviewers, and whose labels join those of the earlier review."""

    title = forms.CharField(max_length=200, label=gettext_lazy("Title"))
    n_reviewers = forms.IntegerField(
        min_value=1, max_value=MOST_REVIEWERS, initial=1, label=gettext_lazy("Reviewers for each label")
    )
    with_people = forms.BooleanField(required=False, label=gettext_lazy("Labels of people, from annotations"))
    with_predictions = forms.BooleanField(required=False, label=gettext_lazy("Predictions that came later"))
    only_labelled = forms.BooleanField(
        required=False, label=gettext_lazy("Leave out images of which nobody else said anything")
    )

    def __init__(self, *values: object, sources: Sources) -> None:
        super().__init__(*cast(Any, values))
        self.fields["with_people"].initial = bool(sources.n_labelled)
        self.fields["with_predictions"].initial = bool(sources.n_predictions) and not sources.n_labelled
