"""What a researcher may ask for on the pages about asking, checked as the commands check it."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile

from candidates.ensemble.reads import installed
from candidates.models import PotentialLabel
from candidates.prediction_files.reads import SUFFIXES
from catalog.errors import UserError
from catalog.models import Dataset
from dashboard.setup.classifier_names import LONGEST_NAME, checked_name, onnx_files
from data_import.small_uploads.actions import too_large
from studies.adaptive.reads import INITIAL_IMAGES, adaptive_figures
from studies.composed_grids.actions import OWN
from studies.opening.actions import LONGEST_CODE

# Each is loaded to look at its weights before any of them begins.
MOST_CLASSIFIERS = 20
LONGEST_ADDRESS = 500
PLAIN = "plain"
PROFILES = (
    ("tsipras", "Tsipras et al. 2020", "5 images that surely show the class in every grid; no negative controls"),
    ("imagenetv2", "ImageNetV2 (Recht et al. 2019)", "3 that show it, and 3 of the most similar other class"),
    (OWN, "The figures of this study’s settings", "as many of each as the settings say"),
    (PLAIN, "No controls", "the pairs of a file as they are, in the file’s order; short grids stay short"),
)
FIGURES_OF_ADAPTIVE = ("accept", "reject", "initial_images", "min_votes", "max_votes")


class SmallFile(forms.FileField):
    def clean(self, data: Any, initial: Any = None) -> "UploadedFile[Any] | None":
        upload: UploadedFile[Any] | None = super().clean(data, initial)
        if upload and (problem := too_large(upload)):
            raise ValidationError(problem)
        return upload


class PredictForm(forms.Form):
    chosen = forms.MultipleChoiceField(
        label="Networks",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"invalid_choice": "%(value)s is not there any more: look at the list again."},
    )
    others = forms.CharField(
        label="Others, one a line",
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "autocapitalize": "off"}),
        help_text="A view of a network, such as efficientnet-lite0@flip or efficientnet-lite0@crop=1.0; onnx:FILE in "
        "the models folder; with torch installed torchvision:NAME or timm:NAME.",
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        names = [*installed(), *onnx_files()]
        chosen = self.fields["chosen"]
        assert isinstance(chosen, forms.MultipleChoiceField)
        chosen.choices = [(name, name) for name in names]
        chosen.initial = installed()

    def clean_others(self) -> list[str]:
        lines = [line.strip() for line in self.cleaned_data["others"].splitlines() if line.strip()]
        return [self._checked(line) for line in lines]

    def _checked(self, name: str) -> str:
        network = name.partition("@")[0]
        if ":" not in name and network not in installed():
            raise ValidationError(
                f"There is no network {network!r} here. Installed: {', '.join(installed()) or 'none'}. One of your own "
                "is named onnx:FILE, with its file in the models folder."
            )
        try:
            return checked_name(name)
        except UserError as error:
            raise ValidationError(error.for_page) from None

    def clean(self) -> dict[str, Any]:
        super().clean()
        cleaned = self.cleaned_data
        names = [self._checked(name) for name in cleaned.get("chosen", [])] + cleaned.get("others", [])
        if not self.errors and not 1 <= len(set(names)) <= MOST_CLASSIFIERS:
            raise ValidationError(f"Choose 1 to {MOST_CLASSIFIERS} classifiers.")
        cleaned["names"] = list(dict.fromkeys(names))
        return cleaned


class PredictionsForm(forms.Form):
    """Predictions that were computed elsewhere."""

    file = SmallFile(
        label="File",
        help_text="Of up to 20 MiB. CSV or parquet: columns image, label_1 … label_k, and score_1 … score_k if known. "
        "npz: arrays images (N,), labels (N, k), and scores (N, k) if known. Labels are class indexes, from 0; the "
        "first is the best.",
        widget=forms.ClearableFileInput(attrs={"accept": ",".join(SUFFIXES)}),
    )
    classifier = forms.CharField(
        label="Name of the classifier", max_length=LONGEST_NAME, help_text="What files and settings will call it."
    )
    network = forms.CharField(
        label="Network", max_length=LONGEST_NAME, required=False, help_text="If the classifier is a view of one."
    )
    view = forms.CharField(label="View", max_length=100, required=False, help_text="Such as flip.")
    weights = forms.RegexField(
        r"^[0-9a-fA-F]{64}$",
        label="SHA-256 of its weights",
        required=False,
        error_messages={"invalid": "A SHA-256 has 64 digits 0 to 9 and a to f; leave it out if you do not know it."},
        help_text="If known: predictions by other weights are then not mixed with these.",
    )

    def clean_classifier(self) -> str:
        try:
            # Settings may name it, and `./manage predict` would then load what its name says.
            return checked_name(self.cleaned_data["classifier"])
        except UserError as error:
            raise ValidationError(error.for_page) from None


class GridsForm(forms.Form):
    profile = forms.ChoiceField(
        label="Control images",
        choices=[(key, words) for key, words, _ in PROFILES],
        widget=forms.RadioSelect,
        initial="tsipras",
    )
    pairs = SmallFile(
        label="Pairs from a file",
        required=False,
        help_text="A CSV with the columns image and label, instead of all potential labels.",
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,text/csv"}),
    )
    similar = SmallFile(
        label="Similar labels from a file",
        required=False,
        help_text="A CSV with the columns label and similar, the most similar first: where negative controls come "
        "from, instead of what the settings say.",
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,text/csv"}),
    )
    again = forms.BooleanField(
        label="Open pairs again that were opened before", required=False, help_text="Otherwise they are left out."
    )
    hits_per_worker = forms.IntegerField(
        label="Most grids for one person", required=False, min_value=1, help_text="Empty: no limit."
    )
    completion_code = forms.CharField(
        label="Completion code", required=False, max_length=LONGEST_CODE, help_text="Shown to people at the end."
    )
    completion_url = forms.URLField(
        label="Completion address",
        required=False,
        max_length=LONGEST_ADDRESS,
        assume_scheme="https",
        help_text="Where people are led at the end, http or https.",
    )
    adaptive = forms.BooleanField(
        label="Ask as often as the votes make necessary",
        required=False,
        help_text="Deng et al. 2009, instead of the same number of answers to every grid.",
    )
    accept = forms.FloatField(
        label="Enough to say yes", initial=0.95, min_value=0, max_value=1, required=False, help_text="A probability."
    )
    reject = forms.FloatField(
        label="Enough to say no", initial=0.05, min_value=0, max_value=1, required=False, help_text="A probability."
    )
    initial_images = forms.IntegerField(
        label="Images of each class to learn from",
        initial=INITIAL_IMAGES,
        min_value=1,
        required=False,
        help_text="These are asked in full first.",
    )
    min_votes = forms.IntegerField(
        label="Fewest votes for a pair", min_value=1, required=False, help_text="Empty: what pruning needs."
    )
    max_votes = forms.IntegerField(
        label="Most votes for a pair", initial=10, min_value=1, required=False, help_text="Then it stays undecided."
    )

    def __init__(self, *args: Any, dataset: Dataset, **options: Any) -> None:
        super().__init__(*args, **options)
        self.dataset = dataset

    def clean_completion_code(self) -> str:
        code: str = self.cleaned_data["completion_code"]
        if not code.isprintable():
            raise ValidationError("It has printable characters only.")
        return code

    def clean_completion_url(self) -> str:
        url: str = self.cleaned_data["completion_url"]
        if url and not url.startswith(("http://", "https://")):
            raise ValidationError("Write an address that begins with http:// or https://.")
        return url

    def clean(self) -> dict[str, Any]:
        super().clean()
        cleaned = self.cleaned_data
        plain = cleaned.get("profile") == PLAIN
        if "pairs" not in self.errors and not cleaned.get("pairs"):
            self._check_pairs(plain)
        if plain and cleaned.get("similar"):
            self.add_error("similar", "Without controls there are no negative ones: leave the file out.")
        cleaned["figures"] = None if self.errors or not cleaned.get("adaptive") else self._figures(cleaned)
        return cleaned

    def _check_pairs(self, plain: bool) -> None:
        if plain:
            self.add_error("pairs", "Grids without controls are made from a file of pairs: choose one.")
        elif not PotentialLabel.objects.filter(image__dataset=self.dataset).exists():
            self.add_error(
                "pairs",
                "There are no potential labels yet. Work them out first (the page before this one), or choose a file.",
            )

    def _figures(self, cleaned: dict[str, Any]) -> dict[str, float] | None:
        figures = {name: cleaned[name] for name in FIGURES_OF_ADAPTIVE}
        for name in set(figures) - {"min_votes"}:
            if figures[name] is None:
                figures[name] = self.fields[name].initial
        try:
            return adaptive_figures(dataset=self.dataset, **figures)
        except UserError as error:
            self.add_error("adaptive", error.for_page)
            return None
