"""The figures of a study as a form: all of them, each with a sentence, checked by the rules of the database."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db.models import Exists, OuterRef
from django.forms.models import fields_for_model

from catalog.actions import FIGURES, RULES
from catalog.models import Classifier, Dataset, NegativesFrom, Prediction, SettingsVersion
from catalog.reads import current_settings
from studies.settings.reads import doubts_about, figure_text

VERSIONS_SHOWN = 8
TITLES = {
    "images_per_grid": "Cells of a grid",
    "contains_answers": "Answers to a grid",
    "classify_answers": "Answers to a form",
    "min_shown": "People who saw a candidate label",
    "ratio_numerator": "Least share of the dataset label’s frequency: numerator",
    "ratio_denominator": "Least share of the dataset label’s frequency: denominator",
    "max_other_labels": "Most other candidate labels",
    "lease_seconds": "Seconds for a grid or form",
    "classifiers": "Classifiers",
    "top_k": "Labels of each classifier",
    "always_dataset_label": "Always ask about the dataset’s label",
    "positive_controls": "Positive controls in a grid",
    "negative_controls": "Negative controls in a grid",
    "negatives_from": "Where negative controls come from",
    "control_pool": "Dataset of the control images",
    "target_wage": "Target wage, dollars an hour",
    "note": "Note",
}
HELP = {
    "images_per_grid": "Cells of a CONTAINS grid, controls included.",
    "contains_answers": "How many people answer each grid.",
    "classify_answers": "How many people answer each CLASSIFY form.",
    "min_shown": "A label becomes a candidate only if so many people or more were shown it.",
    "ratio_numerator": "A label becomes a candidate if its selection frequency is this over the next figure, or more, "
    "of the dataset label’s: 1 over 2 is half.",
    "ratio_denominator": "The lower figure of that fraction.",
    "max_other_labels": "The most candidate labels of an image beside the dataset’s own.",
    "lease_seconds": "How long a person may take for a grid or form before another gets it.",
    "classifiers": "Whose predictions become potential labels. None ticked: all that have predicted here.",
    "top_k": "How many labels of each classifier become potential labels.",
    "always_dataset_label": "The dataset’s own label is asked about even if no classifier names it.",
    "positive_controls": "Images in every grid that surely show the class: the dataset gives it to them.",
    "negative_controls": "Images in every grid of the most similar other class.",
    "negatives_from": "What says which class is most similar: the WordNet hierarchy, what classifiers confuse, or a "
    "list that is given when grids are opened.",
    "control_pool": "Another dataset, with the same labels, whose images are the controls. None: this one’s own.",
    "target_wage": "What an hour on the marketplace is to earn. Rewards are proposed from it, pay is compared with it, "
    "and bonuses bring it up. At least the minimum wage where you are.",
    "note": "Why, for whoever reads the history.",
}
GROUPS = (
    ("Grids and answers", ("images_per_grid", "contains_answers", "classify_answers", "lease_seconds")),
    ("Candidate labels", ("min_shown", "ratio_numerator", "ratio_denominator", "max_other_labels")),
    ("Potential labels", ("classifiers", "top_k", "always_dataset_label")),
    ("Control images", ("positive_controls", "negative_controls", "negatives_from", "control_pool")),
    ("Pay", ("target_wage",)),
    ("About this change", ("note",)),
)


# Beside no figure, but at the head of the form.
NOWHERE: list[str | None] = [None]


class SettingsForm(forms.Form):
    # Fields beside whose title stands what files and commands call them.
    code_names = frozenset(FIGURES)

    def __init__(self, *args: Any, dataset: Dataset, **options: Any) -> None:
        self.dataset, self.current = dataset, current_settings(dataset)
        options["initial"] = {name: getattr(self.current, name) for name in FIGURES}
        super().__init__(*args, **options)
        self.fields.update(fields_for_model(SettingsVersion, [*FIGURES, "note"], labels=TITLES))
        self.fields["classifiers"] = forms.MultipleChoiceField(
            label=TITLES["classifiers"],
            required=False,
            widget=forms.CheckboxSelectMultiple,
            choices=[(name, name) for name in self._classifiers()],
        )
        # The widget of the model's field offers an empty choice, for which nothing may stand.
        self.fields["negatives_from"].widget = forms.Select(choices=NegativesFrom.choices)
        pool = self.fields["control_pool"]
        assert isinstance(pool, forms.ModelChoiceField)
        pool.empty_label = "none"
        pool.queryset = Dataset.objects.filter(label_set=dataset.label_set_id).exclude(pk=dataset.pk)
        for name, text in HELP.items():
            self.fields[name].help_text = text

    def _classifiers(self) -> list[str]:
        """Those that have predicted here, and those that the settings name already. A browser may name no others:
        `./manage predict` loads what the settings name."""
        predicted = Prediction.objects.filter(image__dataset=self.dataset, classifier=OuterRef("pk"))
        found = Classifier.objects.filter(Exists(predicted), label_set=self.dataset.label_set_id)
        return sorted({*found.values_list("name", flat=True), *self.current.classifiers})

    def clean(self) -> dict[str, Any]:
        super().clean()
        cleaned = self.cleaned_data
        # `add_error` takes figures out of the cleaned ones.
        self.sent = {name: cleaned.get(name) for name in FIGURES}
        if not self.errors:
            for name, messages in self._wrong().items():
                if name == NON_FIELD_ERRORS:
                    self._place(messages)
                else:
                    self.add_error(name, messages)
        return cleaned

    def _wrong(self, **others: Any) -> dict[str, list[str]]:
        """What the model says of the figures, with `others` in the place of what was sent."""
        try:
            self._version(**others).full_clean(exclude={"dataset", "version"})
        except ValidationError as error:
            return error.message_dict
        return {}

    def _version(self, **others: Any) -> SettingsVersion:
        return SettingsVersion(dataset=self.dataset, version=self.current.version + 1, **self.sent | others)

    def _place(self, messages: list[str]) -> None:
        """What a broken rule says goes beside the figures that break it alone, or else beside all that were changed."""
        for rule, words in RULES.items():
            if any(rule in message for message in messages):
                changed = [name for name in FIGURES if name in words and name in self.changed_data]
                breaking = [name for name in changed if self._breaks(rule, name, changed)]
                for name in breaking or changed or NOWHERE:
                    self.add_error(name, f"{words}.")

    def _breaks(self, rule: str, name: str, changed: list[str]) -> bool:
        others = {other: getattr(self.current, other) for other in changed if other != name}
        return any(rule in message for message in self._wrong(**others).get(NON_FIELD_ERRORS, []))

    def figures(self) -> dict[str, str]:
        """As `study.new_settings` takes them."""
        version = self._version()
        texts = {name: figure_text(version, name) for name in FIGURES}
        changed = {name: text for name, text in texts.items() if text != figure_text(self.current, name)}
        return changed and changed | {"note": self.cleaned_data["note"]}

    def doubts(self) -> list[str]:
        """About the version that holds."""
        return doubts_about(self.current)

    def groups(self) -> list[tuple[str, list[forms.BoundField]]]:
        return [(words, [self[name] for name in names]) for words, names in GROUPS]


@dataclass(frozen=True)
class FigureHistory:
    """A figure through the versions, the newest first: (its text, whether it differs from the version before)."""

    name: str
    title: str
    values: list[tuple[str, bool]]


def _in_words(text: str) -> str:
    return {"True": "yes", "False": "no"}.get(text, text)


def history_of(dataset: Dataset) -> tuple[list[SettingsVersion], list[FigureHistory]]:
    """The latest versions, the newest first, and every figure in each of them."""
    versions = list(dataset.settings_versions.order_by("-version")[: VERSIONS_SHOWN + 1])
    rows = []
    for name in FIGURES:
        texts = [_in_words(figure_text(version, name)) for version in versions]
        before = [*texts[1:], texts[-1]]
        values = [(text, text != older) for text, older in zip(texts, before, strict=True)]
        rows.append(FigureHistory(name, TITLES[name], values[:VERSIONS_SHOWN]))
    return versions[:VERSIONS_SHOWN], rows
