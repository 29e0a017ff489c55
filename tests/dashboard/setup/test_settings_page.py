"""The page Settings: every setting with a hint, a version per change, and no invalid versions."""

import html
import re

import pytest
from django.test import Client

from candidates.actions import ensure_classifier, store_predictions
from catalog.actions import FIGURES, change_settings, create_dataset
from catalog.models import Dataset, SettingsVersion
from catalog.reads import current_settings
from dashboard.setup.settings_form import GROUPS, HELP, SettingsForm
from tests.factories import make_dataset, make_images, staff_client
from tests.required import require

pytestmark = pytest.mark.django_db


@pytest.fixture
def dataset() -> Dataset:
    return make_dataset()


@pytest.fixture
def client() -> Client:
    return staff_client()


def address(dataset: Dataset) -> str:
    return f"/setup/settings/{dataset.name}/"


def as_sent(dataset: Dataset, **changes: object) -> dict[str, object]:
    """Return the fields of the form as a browser sends them, with these changes.

    A figure of None is left out, as browsers leave out boxes that are not ticked.
    """
    current = current_settings(dataset)
    fields = {name: getattr(current, name) for name in FIGURES} | {"always_dataset_label": "on"} | changes
    return {name: value for name, value in fields.items() if value is not None}


def text_of(response) -> str:
    return " ".join(html.unescape(response.content.decode()).split())


def change(client: Client, dataset: Dataset, **changes: object) -> str:
    """Return the page after a valid change."""
    response = client.post(address(dataset), as_sent(dataset, **changes))
    assert (response.status_code, response["Location"]) == (302, address(dataset)), text_of(response)
    return text_of(client.get(address(dataset)))


def rejected_page(client: Client, dataset: Dataset, **changes: object) -> str:
    response = client.post(address(dataset), as_sent(dataset, **changes))
    assert response.status_code == 422
    return html.unescape(response.content.decode())


def errors_beside(text: str) -> dict[str, str]:
    return dict(re.findall(r'<p class="wrong" id="id_(\w+)_error">([^<]+)</p>', text))


def test_every_setting_is_on_the_form_with_a_hint(client, dataset):
    text = client.get(address(dataset)).content.decode()
    assert set(HELP) == {*FIGURES, "note"} == {name for _, names in GROUPS for name in names}
    for name in (*FIGURES, "note"):
        assert f'id="id_{name}"' in text
        assert f'id="id_{name}_helptext"' in text
        assert f'aria-describedby="id_{name}_helptext"' in text


def test_a_change_creates_a_version_and_explains_it(client, dataset):
    text = change(client, dataset, contains_answers=7, note="Fewer are enough.")
    version = current_settings(dataset)
    assert (version.version, version.contains_answers, version.note) == (2, 7, "Fewer are enough.")
    assert "From now on, version 2 is used for new batches and for pruning. Open batches keep their version." in text
    assert "<mark>7</mark>" in text
    assert "Fewer are enough." in text
    assert text.count("<mark>") == 1


def test_the_unchanged_form_changes_nothing(client, dataset):
    assert "already has these values" in change(client, dataset, note="A note alone.")
    assert dataset.settings_versions.count() == 1


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"contains_answers": 0}, {"contains_answers": "must be 1 or more"}),
        ({"images_per_grid": 501}, {"images_per_grid": "at most 500"}),
        ({"images_per_grid": "many"}, {"images_per_grid": "whole number"}),
        ({"top_k": ""}, {"top_k": "required"}),
        ({"ratio_numerator": 3}, {"ratio_numerator": "at most ratio_denominator"}),
        ({"max_other_labels": 12}, {"max_other_labels": "from 1 to 11"}),
        ({"lease_seconds": 29}, {"lease_seconds": "30 or more"}),
        ({"positive_controls": 48}, {"positive_controls": "leave room"}),
        (
            {"positive_controls": 40, "negative_controls": 8},
            {"positive_controls": "leave room", "negative_controls": "leave room"},
        ),
        (
            {"top_k": 0, "images_per_grid": 4, "negative_controls": 4},
            {"top_k": "1 or more", "images_per_grid": "leave room", "negative_controls": "leave room"},
        ),
        (
            {"contains_answers": 0, "classify_answers": 0},
            {"contains_answers": "1 or more", "classify_answers": "1 or more"},
        ),
        ({"top_k": 40_000}, {"top_k": "less than or equal to 32767"}),
        ({"negatives_from": "guessing"}, {"negatives_from": "not one of the available"}),
        ({"control_pool": 999_999}, {"control_pool": "not one of the available"}),
        ({"classifiers": ["torch:os:getcwd"]}, {"classifiers": "not one of the available"}),
        ({"note": "n" * 501}, {"note": "at most 500"}),
    ],
)
def test_an_invalid_figure_is_rejected_beside_its_field_and_the_input_stays(changes, expected, client, dataset):
    text = rejected_page(client, dataset, min_shown=3, **changes)
    errors = errors_beside(text)
    assert errors.keys() == expected.keys()
    for name, words in expected.items():
        assert words in errors[name]
    assert re.search(r'name="min_shown" value="3"', text)
    assert dataset.settings_versions.count() == 1


def test_classifiers_and_the_control_pool_are_chosen_from_lists(client, dataset):
    [image] = make_images(dataset, 1)
    for name in ("b net", "a"):
        row = ensure_classifier(label_set=dataset.label_set, name=name)
        store_predictions(classifier=row, predictions=[(image.pk, [0, 1], [])])
    pool = create_dataset(name="pool", label_set=dataset.label_set)
    make_dataset(name="of other labels")
    text = client.get(address(dataset)).content.decode()
    assert ">pool</option>" in text
    assert "of other labels" not in text
    change(client, dataset, classifiers=["b net"], control_pool=pool.pk, always_dataset_label=None)
    version = current_settings(dataset)
    assert (version.classifiers, version.control_pool, version.always_dataset_label) == (["b net"], pool, False)
    text = change(client, dataset, classifiers=["a", "b net"], control_pool=pool.pk)
    assert "<mark>a 'b net'</mark>" in text
    change(client, dataset, classifiers=None, control_pool=None)
    assert current_settings(dataset).classifiers == []
    assert current_settings(dataset).control_pool is None


def test_the_history_has_the_latest_versions_the_newest_first(client, dataset):
    for answers in range(10, 20):
        change_settings(dataset=dataset, contains_answers=answers)
    text = client.get(address(dataset)).content.decode()
    match = re.search(r'<th scope="row">Answers per grid <code[^>]*>contains_answers</code></th>(.*?)</tr>', text)
    row = require(match)[1]
    assert re.findall(r"<td>(?:<mark>)?(\d+)", row) == [str(n) for n in range(19, 11, -1)]
    assert row.count("<mark>") == 8
    assert SettingsVersion.objects.filter(dataset=dataset).count() == 11


def test_the_form_passes_on_only_changes(dataset):
    form = SettingsForm(as_sent(dataset, top_k=7), dataset=dataset, readable=Dataset.objects.all())
    assert form.is_valid()
    assert form.figures() == {"top_k": "7", "note": ""}
