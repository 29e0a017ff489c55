"""Forms of the set-up pages, checked as the commands check their options."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext, gettext_lazy

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
from workforce.models import Batch

# All are loaded for a check of their weights before any of them starts.
MOST_CLASSIFIERS = 20
LONGEST_ADDRESS = 500
PLAIN = "plain"
# Key, title and meaning of each choice of control images.
PROFILES = (
    (
        "tsipras",
        gettext_lazy("Tsipras et al. 2020"),
        gettext_lazy("5 positive controls in every grid, no negative controls"),
    ),
    (
        "imagenetv2",
        gettext_lazy("ImageNetV2 (Recht et al. 2019)"),
        gettext_lazy("3 positive controls in every grid, and 3 negative controls of the most similar other class"),
    ),
    (
        OWN,
        gettext_lazy("This study’s settings"),
        gettext_lazy("as many positive and negative controls as the settings say"),
    ),
    (
        PLAIN,
        gettext_lazy("No controls"),
        gettext_lazy("only the pairs of a file, in the file’s order; short grids are not padded"),
    ),
)
FIGURES_OF_ADAPTIVE = ("accept", "reject", "initial_images", "min_votes", "max_votes")


class SmallFile(forms.FileField):
    """A file small enough to be checked within the request."""

    def clean(self, data: Any, initial: Any = None) -> "UploadedFile[Any] | None":
        upload: UploadedFile[Any] | None = super().clean(data, initial)
        if upload and (problem := too_large(upload)):
            raise ValidationError(problem)
        return upload


class PredictForm(forms.Form):
    """The classifiers to run."""

    chosen = forms.MultipleChoiceField(
        label=gettext_lazy("Networks"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"invalid_choice": gettext_lazy("%(value)s no longer exists. Check the list again.")},
    )
    others = forms.CharField(
        label=gettext_lazy("Other classifiers, one per line"),
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "autocapitalize": "off"}),
        help_text=gettext_lazy(
            "A view of a network, such as efficientnet-lite0@flip or efficientnet-lite0@crop=1.0; onnx:FILE for a file "
            "in the models folder; with torch installed, torchvision:NAME or timm:NAME."
        ),
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        names = [*installed(), *onnx_files()]
        networks = self.fields["chosen"]
        assert isinstance(networks, forms.MultipleChoiceField)
        networks.choices = [(name, name) for name in names]
        networks.initial = installed()

    def clean_others(self) -> list[str]:
        lines = [line.strip() for line in self.cleaned_data["others"].splitlines() if line.strip()]
        return [self._checked(line) for line in lines]

    def _checked(self, name: str) -> str:
        network = name.partition("@")[0]
        if ":" not in name and network not in installed():
            raise ValidationError(
                gettext(
                    "There is no network “%(name)s”. Installed: %(installed)s. To run your own network, write "
                    "onnx:FILE, with the file in the models folder."
                )
                % {"name": network, "installed": ", ".join(installed()) or gettext("none")}
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
            raise ValidationError(gettext("Choose 1 to %(most)s classifiers.") % {"most": MOST_CLASSIFIERS})
        cleaned["names"] = list(dict.fromkeys(names))
        return cleaned


class PredictionsForm(forms.Form):
    """A file of predictions computed elsewhere."""

    file = SmallFile(
        label=gettext_lazy("File"),
        help_text=gettext_lazy(
            "At most 20 MiB. CSV or parquet: columns image, label_1 … label_k and, optionally, score_1 … score_k. npz: "
            "arrays images (N,), labels (N, k) and, optionally, scores (N, k). Labels are class indexes from 0, the "
            "best first."
        ),
        widget=forms.ClearableFileInput(attrs={"accept": ",".join(SUFFIXES)}),
    )
    classifier = forms.CharField(
        label=gettext_lazy("Name of the classifier"),
        max_length=LONGEST_NAME,
        help_text=gettext_lazy("Files and settings use this name."),
    )
    network = forms.CharField(
        label=gettext_lazy("Network"),
        max_length=LONGEST_NAME,
        required=False,
        help_text=gettext_lazy("Only if the classifier is a view of a network."),
    )
    view = forms.CharField(
        label=gettext_lazy("View"), max_length=100, required=False, help_text=gettext_lazy("For example: flip.")
    )
    weights = forms.RegexField(
        r"^[0-9a-fA-F]{64}$",
        label=gettext_lazy("SHA-256 of the weights"),
        required=False,
        error_messages={
            "invalid": gettext_lazy("A SHA-256 has 64 digits 0 to 9 and a to f. Leave the field empty if unsure.")
        },
        help_text=gettext_lazy("Optional. It keeps predictions by other weights from being mixed with these."),
    )

    def clean_classifier(self) -> str:
        try:
            # Settings may name the classifier, and `./manage predict` would then load it by its name.
            return checked_name(self.cleaned_data["classifier"])
        except UserError as error:
            raise ValidationError(error.for_page) from None


class GridsForm(forms.Form):
    """The options for opening CONTAINS grids."""

    profile = forms.ChoiceField(
        label=gettext_lazy("Control images"),
        choices=[(key, title) for key, title, _ in PROFILES],
        widget=forms.RadioSelect,
        initial="tsipras",
    )
    pairs = SmallFile(
        label=gettext_lazy("Pairs from a file"),
        required=False,
        help_text=gettext_lazy("A CSV file with the columns image and label. It replaces the potential labels."),
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,text/csv"}),
    )
    similar = SmallFile(
        label=gettext_lazy("Similar labels from a file"),
        required=False,
        help_text=gettext_lazy(
            "A CSV file with the columns label and similar, the most similar first. It replaces the source of negative "
            "controls in the settings."
        ),
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,text/csv"}),
    )
    again = forms.BooleanField(
        label=gettext_lazy("Open pairs again"),
        required=False,
        help_text=gettext_lazy("Otherwise, pairs opened before are skipped."),
    )
    hits_per_worker = forms.IntegerField(
        label=gettext_lazy("Maximum grids per worker"),
        required=False,
        min_value=1,
        help_text=gettext_lazy("Empty: no limit."),
    )
    completion_code = forms.CharField(
        label=gettext_lazy("Completion code"),
        required=False,
        max_length=LONGEST_CODE,
        help_text=gettext_lazy("Shown to workers at the end."),
    )
    completion_url = forms.URLField(
        label=gettext_lazy("Completion link"),
        required=False,
        max_length=LONGEST_ADDRESS,
        assume_scheme="https",
        help_text=gettext_lazy("Workers are sent to this http or https address at the end."),
    )
    decline_code = forms.CharField(
        label=gettext_lazy("Decline code"),
        required=False,
        max_length=LONGEST_CODE,
        help_text=gettext_lazy("Shown to people who do not take part, if their site wants a code."),
    )
    decline_url = forms.URLField(
        label=gettext_lazy("Decline link"),
        required=False,
        max_length=LONGEST_ADDRESS,
        assume_scheme="https",
        help_text=gettext_lazy("People who do not take part can return to this http or https address."),
    )
    admission = forms.ChoiceField(
        label=gettext_lazy("Who may work by the study link"),
        choices=[
            (Batch.Admission.ANYONE, gettext_lazy("Anyone with the link, under any ID")),
            (Batch.Admission.LISTED, gettext_lazy("Only IDs that you list")),
            (Batch.Admission.SIGNED, gettext_lazy("Only your own participants, each with a signed link")),
        ],
        widget=forms.RadioSelect,
        initial=Batch.Admission.ANYONE,
        required=False,
        help_text=gettext_lazy("You list IDs and make links after the grids are open."),
    )
    networks = forms.ChoiceField(
        label=gettext_lazy("Networks of the participants"),
        choices=[
            (Batch.Networks.SHARED, gettext_lazy("Many may share one, as in a lab or class")),
            (Batch.Networks.OWN, gettext_lazy("Each has their own, as on Prolific")),
        ],
        widget=forms.RadioSelect,
        initial=Batch.Networks.SHARED,
        required=False,
        help_text=gettext_lazy("A network can hold only so many tasks at a time. The second choice is stricter."),
    )
    answers = forms.ChoiceField(
        label=gettext_lazy("Answers to a photograph"),
        choices=[
            (Batch.Answers.TWO, gettext_lazy("Two: selected or not")),
            (Batch.Answers.THREE, gettext_lazy("Three: yes, maybe or no")),
        ],
        widget=forms.RadioSelect,
        initial=Batch.Answers.TWO,
        required=False,
        help_text=gettext_lazy("The settings say what “maybe” counts as."),
    )
    adaptive = forms.BooleanField(
        label=gettext_lazy("Stop when the votes are clear enough"),
        required=False,
        help_text=gettext_lazy(
            "This is the method of Deng et al. 2009. Otherwise, every grid gets the same number of answers."
        ),
    )
    accept = forms.FloatField(
        label=gettext_lazy("Accept from this probability"),
        initial=0.95,
        min_value=0,
        max_value=1,
        required=False,
        help_text=gettext_lazy("The image then counts as showing the class."),
    )
    reject = forms.FloatField(
        label=gettext_lazy("Reject up to this probability"),
        initial=0.05,
        min_value=0,
        max_value=1,
        required=False,
        help_text=gettext_lazy("The image then counts as not showing the class."),
    )
    initial_images = forms.IntegerField(
        label=gettext_lazy("Initial images per class"),
        initial=INITIAL_IMAGES,
        min_value=1,
        required=False,
        help_text=gettext_lazy("These images get the full number of answers first."),
    )
    min_votes = forms.IntegerField(
        label=gettext_lazy("Minimum votes for a pair"),
        min_value=1,
        required=False,
        help_text=gettext_lazy("Empty: the minimum number of votes in the settings."),
    )
    max_votes = forms.IntegerField(
        label=gettext_lazy("Maximum votes for a pair"),
        initial=10,
        min_value=1,
        required=False,
        help_text=gettext_lazy("After this many votes a pair stays undecided."),
    )

    def __init__(self, *args: Any, dataset: Dataset, **options: Any) -> None:
        super().__init__(*args, **options)
        self.dataset = dataset

    def clean_completion_code(self) -> str:
        return self._code("completion_code")

    def clean_decline_code(self) -> str:
        return self._code("decline_code")

    def clean_completion_url(self) -> str:
        return self._address("completion_url")

    def clean_decline_url(self) -> str:
        return self._address("decline_url")

    def _code(self, name: str) -> str:
        code: str = self.cleaned_data[name]
        if not code.isprintable():
            raise ValidationError(gettext("Use printable characters only."))
        return code

    def _address(self, name: str) -> str:
        url: str = self.cleaned_data[name]
        if url and not url.startswith(("http://", "https://")):
            raise ValidationError(gettext("Enter an address that begins with http:// or https://."))
        return url

    def clean(self) -> dict[str, Any]:
        super().clean()
        cleaned = self.cleaned_data
        cleaned["admission"] = cleaned.get("admission") or Batch.Admission.ANYONE.value
        cleaned["networks"] = cleaned.get("networks") or Batch.Networks.SHARED.value
        cleaned["answers"] = cleaned.get("answers") or Batch.Answers.TWO.value
        plain = cleaned.get("profile") == PLAIN
        if "pairs" not in self.errors and not cleaned.get("pairs"):
            self._check_pairs(plain)
        if plain and cleaned.get("similar"):
            self.add_error("similar", gettext("Without controls there are no negative controls. Remove this file."))
        cleaned["figures"] = None if self.errors or not cleaned.get("adaptive") else self._figures(cleaned)
        return cleaned

    def _check_pairs(self, plain: bool) -> None:
        if plain:
            self.add_error("pairs", gettext("Grids without controls need a file of pairs. Choose a file."))
        elif not PotentialLabel.objects.filter(image__dataset=self.dataset).exists():
            self.add_error(
                "pairs",
                gettext("No potential labels yet. Compute them under Potential labels, or choose a file of pairs."),
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
