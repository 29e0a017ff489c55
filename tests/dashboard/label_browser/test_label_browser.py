"""Pages of the label browser: search, hierarchy, classes and their example images."""

import io
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from PIL import Image as Pillow

from access.models import Role
from catalog.actions import create_dataset
from catalog.class_examples.actions import NewExample, add_examples, begin_draw
from catalog.class_examples.reads import class_examples
from catalog.class_pairs.actions import add_pair
from catalog.hierarchy.reads import tree_of
from catalog.models import Dataset
from catalog.references.actions import set_references
from catalog.references.reads import Reference
from dashboard.label_browser.context import rows_of_tree
from tests.factories import make_dataset, make_member, sign_in, staff_client, unique
from tests.required import Page
from tests.rows_of_a_module import rows_of_a_module

MEMBERS = (Role.OWNER, Role.RESEARCHER, Role.REVIEWER, Role.LABELER, Role.READER)


@pytest.fixture(scope="module")
def imagenet(django_db_setup, django_db_blocker) -> Iterator[Dataset]:
    with rows_of_a_module(django_db_blocker):
        yield create_dataset(name=unique("all classes"))


def address(view: str, dataset: Dataset) -> str:
    return f"/labels/{view}/{quote(dataset.name)}/"


def asked(view: str, dataset: Dataset, role: Role = Role.REVIEWER, **values: str) -> Page:
    client = staff_client(signed_in=False)
    sign_in(client, make_member(dataset, role))
    return client.get(address(view, dataset), values)


def words(answer: Page) -> str:
    assert answer.status_code == 200
    return answer.content.decode()


# Search


def test_the_page_shows_the_classes_that_fit_with_their_reasons(imagenet):
    page = words(asked("search", imagenet, text="terrier"))
    assert 'value="terrier"' in page and "under terrier" in page
    assert f'href="/labels/class/158/{quote(imagenet.name)}/"' in page and "Classes: " in page


def test_a_text_that_fits_nothing_and_no_text_say_what_to_do(imagenet):
    assert "No class fits." in words(asked("search", imagenet, text="zzzzqqqq"))
    page = words(asked("search", imagenet))
    assert "data-search-text" in page and '<ol class="label-hits" data-search-hits>' in page


def test_texts_of_people_are_escaped(imagenet):
    assert "<b>" not in words(asked("search", imagenet, text='"><b>x'))


def test_scripts_get_the_results_of_the_page(imagenet):
    hits = asked("matches", imagenet, text="poodel").json()["hits"]
    assert [hit["index"] for hit in hits] == [265, 266, 267]
    assert hits[0].keys() == {"index", "name", "words", "gloss", "reason", "address"}
    assert hits[0]["address"] == f"/labels/class/265/{quote(imagenet.name)}/"
    page = words(asked("search", imagenet, text="poodel"))
    places = [page.index(f'data-index="{hit["index"]}"') for hit in hits]
    assert places == sorted(places)


def test_scripts_get_an_empty_list_for_any_odd_text(imagenet):
    for text in ("", " ", "?", "x" * 5000, "\0"):
        assert asked("matches", imagenet, text=text).status_code in (200, 400)


# The hierarchy


def test_the_map_gets_all_nodes_in_an_order_in_which_parents_come_first(imagenet):
    rows = asked("tree", imagenet).json()["nodes"]
    assert rows[0][:4] == ["n00001740", "entity", -1, 1000]
    assert all(row[2] < number for number, row in enumerate(rows))
    assert sorted(row[4] for row in rows if row[4] is not None) == list(range(1000))


def test_without_scripts_a_level_is_a_nested_list_with_its_path(imagenet):
    page = words(asked("hierarchy", imagenet, node="n02084071"))
    assert "<noscript>" in page and "?node=n00001740" in page, "the path leads up"
    assert ">hunting dog</a>" in page


def test_a_shortened_synset_leads_to_its_node_and_an_unknown_one_nowhere(imagenet):
    assert 'data-node="n06874185"' in words(asked("hierarchy", imagenet, node="n06791372"))
    assert asked("hierarchy", imagenet, node="n99999999").status_code == 404


def test_links_to_other_places_are_shown(imagenet):
    page = words(asked("class/818", imagenet))
    assert "Place in the hierarchy" in page


# A class


def test_a_class_shows_words_definition_place_and_siblings(imagenet):
    page = words(asked("class/207", imagenet))
    for text in ("golden retriever", "n02099601", "Dogs", "Labrador retriever", ">retriever</a>", "an English breed"):
        assert text in page
    assert "wikipedia.org" in page and "no example images" in page
    assert "?node=n02099601" in page


def test_a_class_that_there_is_not_is_not_found(imagenet):
    assert asked("class/1000", imagenet).status_code == 404


@pytest.mark.django_db
def test_a_class_shows_the_pages_of_the_study_and_the_registry_of_pairs():
    dataset = make_dataset()
    first, second = dataset.label_set.labels.order_by("index")[:2]
    set_references(dataset=dataset, references={first.pk: [Reference("https://birds.example/crane", "Cranes")]})
    add_pair(
        label_set=dataset.label_set, first=first, second=second, kind="confusable", provenance="A paper.", added_by=None
    )
    page = words(asked("class/0", dataset))
    assert 'href="https://birds.example/crane"' in page and ">Cranes</a>" in page
    assert "confusable" in page and "thing 1" in page


@pytest.mark.django_db
def test_a_label_set_without_wordnet_has_all_pages():
    dataset = make_dataset()
    for view in ("search", "hierarchy", "tree", "class/0"):
        assert asked(view, dataset).status_code == 200, view


@pytest.mark.django_db
@pytest.mark.parametrize("role", MEMBERS)
def test_every_role_sees_the_browser_and_its_tab(role):
    page = words(asked("search", make_dataset(), role))
    assert ">Label browser</a>" in page


# Example images


def picture(size: int) -> bytes:
    file = io.BytesIO()
    Pillow.new("RGB", (size, size)).save(file, "JPEG")
    return file.getvalue()


@pytest.fixture
def with_example(db, settings, tmp_path: Path) -> Dataset:
    settings.MEDIA_ROOT = tmp_path / "media"
    dataset = make_dataset()
    draw = begin_draw(dataset=dataset, seed=0, per_class=1, replace=False)
    example = NewExample("train/a.jpg", "0" * 64, picture(40), picture(20))
    add_examples(draw=draw, label=dataset.label_set.labels.get(index=0), examples=[example])
    return dataset


def example_addresses(dataset: Dataset) -> list[str]:
    (example,) = class_examples(dataset, dataset.label_set.labels.get(index=0))
    return [f"/labels/examples/{size}/{example.public_id}.jpg" for size in ("small", "large")]


def test_a_class_shows_its_example_images_and_not_their_files_names(with_example):
    page = words(asked("class/0", with_example))
    assert all(path in page for path in example_addresses(with_example))
    assert "1 image of the training set" in page and "train/a.jpg" not in page


def test_example_images_are_served_to_members_of_the_study_alone(with_example):
    sizes = []
    for path in example_addresses(with_example):
        for role in MEMBERS:
            client = staff_client(signed_in=False)
            sign_in(client, make_member(with_example, role))
            answer = client.get(path)
            content = b"".join(answer)
            assert answer.status_code == 200 and "private" in answer.headers["Cache-Control"]
        sizes.append(Pillow.open(io.BytesIO(content)).size)
        stranger = staff_client(signed_in=False)
        assert stranger.get(path).status_code == 403
        sign_in(stranger, make_member(make_dataset(), Role.OWNER))
        assert stranger.get(path).status_code == 404
    assert sizes == [(20, 20), (40, 40)]


def test_unknown_sizes_and_examples_are_not_found(with_example):
    client = staff_client()
    path = example_addresses(with_example)[0]
    assert client.get(path.replace("/small/", "/huge/")).status_code == 404
    assert client.get("/labels/examples/small/absent.jpg").status_code == 404


# Its parts


def test_a_row_of_the_tree_names_other_nodes_by_position(imagenet):
    tree = tree_of(imagenet.label_set)
    rows = rows_of_tree(tree)
    keys = list(tree.nodes)
    for row in rows:
        node = tree.nodes[row[0]]
        assert [keys[number] for number in row[6]] == node.other_parents
        assert [keys[number] for number in row[7]] == node.links
