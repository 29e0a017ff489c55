"""The settings of a study as a form, checked by the constraints of the database."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.forms.models import fields_for_model
from django.utils.translation import gettext, gettext_lazy

from catalog.actions import FIGURES, RULES
from catalog.models import Classifier, Dataset, MaybeCounts, NegativesFrom, Prediction, SettingsVersion
from catalog.reads import current_settings
from studies.settings.reads import doubts_about, figure_text

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

VERSIONS_SHOWN = 8
TITLES = {
    "images_per_grid": gettext_lazy("Cells per grid"),
    "contains_answers": gettext_lazy("Answers per grid"),
    "classify_answers": gettext_lazy("Answers per form"),
    "min_shown": gettext_lazy("Minimum votes on a candidate label"),
    "ratio_numerator": gettext_lazy(
        "Keep labels with at least this fraction of the dataset label’s frequency: numerator"
    ),
    "ratio_denominator": gettext_lazy(
        "Keep labels with at least this fraction of the dataset label’s frequency: denominator"
    ),
    "max_other_labels": gettext_lazy("Maximum other candidate labels"),
    "maybe_counts": gettext_lazy("A vote “maybe” counts as"),
    "most_further_answers": gettext_lazy("Maximum further answers"),
    "asks_again": gettext_lazy("Replace excluded answers"),
    "most_replacements": gettext_lazy("Maximum replacements"),
    "lease_seconds": gettext_lazy("Seconds per grid or form"),
    "classifiers": gettext_lazy("Classifiers"),
    "top_k": gettext_lazy("Top labels per classifier"),
    "always_dataset_label": gettext_lazy("Always ask about the dataset label"),
    "positive_controls": gettext_lazy("Positive controls per grid"),
    "negative_controls": gettext_lazy("Negative controls per grid"),
    "negatives_from": gettext_lazy("Source of negative controls"),
    "control_pool": gettext_lazy("Dataset of the control images"),
    "target_wage": gettext_lazy("Target wage in dollars per hour"),
    "note": gettext_lazy("Note"),
}
HELP = {
    "images_per_grid": gettext_lazy("Cells of a CONTAINS grid, including controls."),
    "contains_answers": gettext_lazy("Number of workers who answer each CONTAINS grid."),
    "classify_answers": gettext_lazy("Number of workers who answer each CLASSIFY form."),
    "min_shown": gettext_lazy("Labels with fewer votes do not become candidate labels."),
    "ratio_numerator": gettext_lazy(
        "A label stays a candidate if its selection frequency is at least this fraction of the dataset label’s. "
        "Numerator 1 and denominator 2 mean half."
    ),
    "ratio_denominator": gettext_lazy("The bottom number of the fraction."),
    "max_other_labels": gettext_lazy("Maximum candidate labels of an image besides the dataset label."),
    "maybe_counts": gettext_lazy(
        "In batches whose grids offer “maybe”. A change is applied to the votes so far, too. As nothing, another "
        "worker is asked in its place."
    ),
    "most_further_answers": gettext_lazy(
        "Answers to a pair or form, at most, in place of answers without a vote: the photograph did not load or was "
        "not seen."
    ),
    "asks_again": gettext_lazy(
        "Another worker is asked in place of each answer that is excluded, and paid. A change applies to open batches, "
        "too."
    ),
    "most_replacements": gettext_lazy("Answers to a grid or form, at most, in place of excluded ones."),
    "lease_seconds": gettext_lazy("Time that a worker has for a grid or form before it is assigned to another worker."),
    "classifiers": gettext_lazy(
        "Their predictions become potential labels. None selected: all classifiers with predictions here."
    ),
    "top_k": gettext_lazy("Number of labels of each classifier that become potential labels."),
    "always_dataset_label": gettext_lazy("The dataset label is a potential label even if no classifier predicts it."),
    "positive_controls": gettext_lazy("Images in every grid whose dataset label is the class of the grid."),
    "negative_controls": gettext_lazy("Images in every grid from the most similar other class."),
    "negatives_from": gettext_lazy("This determines which class is the most similar."),
    "control_pool": gettext_lazy(
        "Another dataset with the same label set whose images serve as controls. None: the images of this dataset."
    ),
    "target_wage": gettext_lazy(
        "Hourly wage to aim for on the marketplace. Proposed rewards, pay checks and bonuses are "
        "based on this wage. Set it to at least your local minimum wage."
    ),
    "note": gettext_lazy("Reason for the change, for readers of the history."),
}
GROUPS = (
    (
        gettext_lazy("Grids and answers"),
        ("images_per_grid", "contains_answers", "classify_answers", "most_further_answers", "asks_again")
        + ("most_replacements", "maybe_counts", "lease_seconds"),
    ),
    (gettext_lazy("Candidate labels"), ("min_shown", "ratio_numerator", "ratio_denominator", "max_other_labels")),
    (gettext_lazy("Potential labels"), ("classifiers", "top_k", "always_dataset_label")),
    (
        gettext_lazy("Control images"),
        ("positive_controls", "negative_controls", "negatives_from", "control_pool"),
    ),
    (gettext_lazy("Pay"), ("target_wage",)),
    (gettext_lazy("About this change"), ("note",)),
)
NEGATIVES_TITLES = {
    NegativesFrom.HIERARCHY: gettext_lazy("WordNet hierarchy"),
    NegativesFrom.CONFUSION: gettext_lazy("classes that classifiers confuse"),
    NegativesFrom.LIST: gettext_lazy("a list supplied when grids are opened"),
}


MAYBE_TITLES = {
    MaybeCounts.YES: gettext_lazy("yes: selected"),
    MaybeCounts.NO: gettext_lazy("no: not selected"),
    MaybeCounts.NOTHING: gettext_lazy("nothing: no vote"),
}

# `add_error` takes None for an error of the whole form, at its head.
WHOLE_FORM: list[str | None] = [None]


class SettingsForm(forms.Form):
    """All settings of a dataset, with a note on the change."""

    # Fields whose titles are followed by the name that files and commands use.
    code_names = frozenset(FIGURES)

    def __init__(self, *args: Any, dataset: Dataset, readable: QuerySet[Dataset], **options: Any) -> None:
        """Take the dataset, and the datasets whose images the reader of the page may see."""
        self.dataset, self.current = dataset, current_settings(dataset)
        options["initial"] = {name: getattr(self.current, name) for name in FIGURES}
        super().__init__(*args, **options)
        labels = {name: str(title) for name, title in TITLES.items()}
        self.fields.update(fields_for_model(SettingsVersion, [*FIGURES, "note"], labels=labels))
        self.fields["classifiers"] = forms.MultipleChoiceField(
            label=TITLES["classifiers"],
            required=False,
            widget=forms.CheckboxSelectMultiple,
            choices=[(name, name) for name in self._classifiers()],
        )
        # The model fields' own widgets would offer an empty choice, which is not allowed here.
        self.fields["negatives_from"].widget = forms.Select(choices=list(NEGATIVES_TITLES.items()))
        self.fields["maybe_counts"].widget = forms.Select(choices=list(MAYBE_TITLES.items()))
        pool = self.fields["control_pool"]
        assert isinstance(pool, forms.ModelChoiceField)
        pool.empty_label = gettext("none")
        pools = Dataset.objects.filter(Q(pk__in=readable.values("pk")) | Q(pk=self.current.control_pool_id))
        pool.queryset = pools.filter(label_set=dataset.label_set_id).exclude(pk=dataset.pk)
        for name, text in HELP.items():
            self.fields[name].help_text = text

    def _classifiers(self) -> list[str]:
        """Return the classifiers with predictions here, and those that the settings name already.

        A browser may name no other classifier, as `./manage predict` loads those that the settings name.
        """
        predictions = Prediction.objects.filter(image__dataset=self.dataset, classifier=OuterRef("pk"))
        classifiers = Classifier.objects.filter(Exists(predictions), label_set=self.dataset.label_set_id)
        return sorted({*classifiers.values_list("name", flat=True), *self.current.classifiers})

    def clean(self) -> dict[str, Any]:
        super().clean()
        cleaned = self.cleaned_data
        # Kept apart, as `add_error` removes figures from the cleaned data.
        self.submitted = {name: cleaned.get(name) for name in FIGURES}
        if not self.errors:
            for name, messages in self._model_errors().items():
                if name == NON_FIELD_ERRORS:
                    self._place(messages)
                else:
                    self.add_error(name, messages)
        return cleaned

    def _model_errors(self, **replacements: Any) -> dict[str, list[str]]:
        """Return the model's errors, with some of the submitted figures replaced."""
        try:
            self._version(**replacements).full_clean(exclude={"dataset", "version"})
        except ValidationError as error:
            return error.message_dict
        return {}

    def _version(self, **replacements: Any) -> SettingsVersion:
        return SettingsVersion(dataset=self.dataset, version=self.current.version + 1, **self.submitted | replacements)

    def _place(self, messages: list[str]) -> None:
        """Put a broken rule beside the figures that break it alone, or else beside all changed figures of the rule."""
        for rule, words in RULES.items():
            if any(rule in message for message in messages):
                changed = [name for name in FIGURES if name in words and name in self.changed_data]
                breaking = [name for name in changed if self._breaks(rule, name, changed)]
                for name in breaking or changed or WHOLE_FORM:
                    self.add_error(name, gettext("%(rule)s.") % {"rule": words})

    def _breaks(self, rule: str, name: str, changed: list[str]) -> bool:
        replacements = {other: getattr(self.current, other) for other in changed if other != name}
        return any(rule in message for message in self._model_errors(**replacements).get(NON_FIELD_ERRORS, []))

    def figures(self) -> dict[str, str]:
        """Return the changed figures as new_settings takes them."""
        version = self._version()
        texts = {name: figure_text(version, name) for name in FIGURES}
        changed = {name: text for name, text in texts.items() if text != figure_text(self.current, name)}
        return changed and changed | {"note": self.cleaned_data["note"]}

    def doubts(self) -> list[str]:
        """Return the warnings about the current version."""
        return doubts_about(self.current)

    def groups(self) -> list[tuple["StrOrPromise", list[forms.BoundField]]]:
        """Return the fields by group, each with its title."""
        return [(title, [self[name] for name in names]) for title, names in GROUPS]


@dataclass(frozen=True)
class FigureHistory:
    """A setting in each version, the newest first: its text, and true where it differs from the version before."""

    name: str
    title: "StrOrPromise"
    values: list[tuple[str, bool]]


def _in_words(text: str) -> str:
    return {"True": gettext("yes"), "False": gettext("no")}.get(text, text)


def history_of(dataset: Dataset) -> tuple[list[SettingsVersion], list[FigureHistory]]:
    """Return the latest versions, the newest first, and every setting in each of them."""
    versions = list(dataset.settings_versions.order_by("-version")[: VERSIONS_SHOWN + 1])
    rows = []
    for name in FIGURES:
        texts = [_in_words(figure_text(version, name)) for version in versions]
        earlier = [*texts[1:], texts[-1]]
        values = [(text, text != older) for text, older in zip(texts, earlier, strict=True)]
        rows.append(FigureHistory(name, TITLES[name], values[:VERSIONS_SHOWN]))
    return versions[:VERSIONS_SHOWN], rows
