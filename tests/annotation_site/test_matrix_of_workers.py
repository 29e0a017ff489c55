"""The matrix of people and addresses of the worker origin: nobody, people of links and of marketplaces. (T17, S24)

The table is walked: an address without its line fails. Everybody knows every address, also those that hold somebody
else's IDs; what counts is in whose name they ask. A signed-in researcher is nobody here.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import Client

from annotation_site.views import WORKER_URLS
from catalog.examples.actions import set_examples
from catalog.examples.reads import ExampleKey
from catalog.models import Dataset, Example
from catalog.tiles.reads import SIDES
from mturk.models import MarketplaceHIT, Qualification
from tests.annotation_site.matrix import ABSENT, DONE, ELSEWHERE, METHOD, PAGE, REFUSED, asked, met, routes
from tests.factories import make_form, make_grid, make_lease, make_worker, unique
from tests.required import require
from tests.workforce.assignments_by_hand import make_offered_grid
from tests.workforce.test_frame_pages import Frame
from workforce.models import Lease
from workforce.pages import work_token
from workforce.reads import image_handle

pytestmark = pytest.mark.django_db

# Nobody has no ID; a researcher has a session besides. The owner holds the lease and assignment that the addresses
# name; the other has an ID of the same kind, and nothing else.
WHO = ("nobody", "researcher", "owner", "other")
# Routes by kind of batch: some differ between a link and a marketplace's frame.
LINK, FRAME = "link", "frame"
Cells = tuple[str, str, str, str]
ALL_PAGE: Cells = (PAGE, PAGE, PAGE, PAGE)
NO_METHOD: Cells = (METHOD, METHOD, METHOD, METHOD)
NOBODY_THERE: Cells = (ABSENT, ABSENT, ABSENT, ABSENT)
# The address of a picture is a secret of its page: whoever knows it sees the picture, and nothing of whose it is.
PICTURE: Cells = ALL_PAGE
MATRIX: dict[tuple[str, str], dict[str, Cells]] = {
    ("livez", LINK): {"GET": ALL_PAGE, "POST": NO_METHOD},
    ("readyz", LINK): {"GET": ALL_PAGE, "POST": NO_METHOD},
    ("", LINK): {"GET": ALL_PAGE, "POST": NO_METHOD},
    ("i/<slug:lease_id>/<slug:handle>.jpg", LINK): {"GET": PICTURE, "POST": NO_METHOD},
    ("i/<slug:lease_id>/<slug:handle>.jpg", FRAME): {"GET": PICTURE, "POST": NO_METHOD},
    ("i/<slug:lease_id>/cell/<slug:handle>.jpg", LINK): {"GET": PICTURE, "POST": NO_METHOD},
    ("i/<slug:lease_id>/cell/<slug:handle>.jpg", FRAME): {"GET": PICTURE, "POST": NO_METHOD},
    # Of an example photograph, which is the same for everybody.
    ("e/<slug:public_id>.jpg", LINK): {"GET": PICTURE, "POST": NO_METHOD},
    ("i/<slug:lease_id>/<int:side>/<slug:handle>", LINK): {"GET": PICTURE, "POST": NO_METHOD},
    ("i/<slug:lease_id>/<int:side>/<slug:handle>", FRAME): {"GET": PICTURE, "POST": NO_METHOD},
    # A GET shows what is held, or what there is to begin; Start and Continue are POSTs, and lease work.
    ("join/<slug:batch_id>", LINK): {
        "GET": (REFUSED, REFUSED, ELSEWHERE, PAGE),
        "POST": (REFUSED, REFUSED, DONE, DONE),
    },
    ("join/<slug:batch_id>", FRAME): {"GET": NOBODY_THERE, "POST": NOBODY_THERE},
    ("join/<slug:batch_id>/finish", LINK): {"GET": (REFUSED, REFUSED, PAGE, PAGE), "POST": NO_METHOD},
    ("join/<slug:batch_id>/finish", FRAME): {"GET": NOBODY_THERE, "POST": NO_METHOD},
    ("about/<slug:batch_id>/", LINK): {"GET": ALL_PAGE, "POST": NO_METHOD},
    ("about/<slug:batch_id>/", FRAME): {"GET": ALL_PAGE, "POST": NO_METHOD},
    ("join/<slug:batch_id>/", LINK): {
        "GET": (REFUSED, REFUSED, ELSEWHERE, PAGE),
        "POST": (REFUSED, REFUSED, DONE, DONE),
    },
    ("join/<slug:batch_id>/finish/", LINK): {"GET": (REFUSED, REFUSED, PAGE, PAGE), "POST": NO_METHOD},
    # What it shows leads to the marketplace, which pays its one worker alone.
    ("compensation/<slug:public_id>/", FRAME): {"GET": ALL_PAGE, "POST": NO_METHOD},
    ("contains/<slug:hit_id>/", LINK): {
        "GET": (REFUSED, REFUSED, PAGE, REFUSED),
        "POST": (REFUSED, REFUSED, DONE, REFUSED),
    },
    # Without an assignment, a page in a frame is a preview. With one, Accept was the decision.
    ("contains/<slug:hit_id>/", FRAME): {"GET": ALL_PAGE, "POST": (REFUSED, REFUSED, PAGE, REFUSED)},
    ("classify/<slug:hit_id>/", LINK): {
        "GET": (REFUSED, REFUSED, PAGE, REFUSED),
        "POST": (REFUSED, REFUSED, DONE, REFUSED),
    },
}
# What a GET may write: pictures at their first look; of a frame, the assignment and its lease, which hold no slot.
MADE_AT_FIRST_LOOK = {"annotation_site_image", "catalog_image"}
OF_AN_ACCEPTED_ASSIGNMENT = {"workforce_assignment", "workforce_lease", "workforce_worker", "workforce_workeridentity"}
ALLOWED = {("contains/<slug:hit_id>/", FRAME): OF_AN_ACCEPTED_ASSIGNMENT}


@dataclass
class Scene:
    """Work in somebody's hands, and the requests of everybody about it."""

    lease: Lease
    parts: dict[str, str]
    # In whose name: the parameters of an address, and the token of the page that they see.
    queries: dict[str, dict[str, str]]
    tokens: dict[str, str]
    answer: dict[str, Any]

    def path(self, route: str, who: str) -> str:
        for part, value in self.parts.items():
            route = route.replace(f"<slug:{part}>", value).replace("<int:side>", str(SIDES[0]))
        query = self.queries.get(who, {})
        return f"/{route}" + (f"?{urlencode(query)}" if query else "")

    def form(self, who: str) -> dict[str, Any]:
        return {"token": self.tokens.get(who, "forged"), "key": unique("key-of-a-page"), **self.answer}


def of_link(kind: str) -> Scene:
    if kind == "classify":
        hit = make_form(labels=(0, 1)).hit
        image, answer = hit.form.image, {"selected": ["0"], "main": "0"}
    else:
        hit = make_grid().hit
        image = require(hit.grid.cells.first()).image
        answer = {"none": "yes"}
    ann = make_worker("ann")
    lease = make_lease(hit.batch, ann)
    handle = image_handle(lease, image.public_id)
    parts = {"batch_id": hit.batch.public_id, "hit_id": hit.public_id, "lease_id": lease.public_id, "handle": handle}
    parts |= {"public_id": example_of(hit.batch.dataset)}
    tokens = {"owner": work_token(lease), "other": "forged"}
    return Scene(lease, parts, {"owner": {"worker": "ann"}, "other": {"worker": "bob"}}, tokens, answer)


def example_of(dataset: Dataset) -> str:
    """Return the public id of an example photograph of the dataset's study."""
    key = ExampleKey(require(dataset.label_set.labels.first()).pk, None, "a digest")
    set_examples(dataset=dataset, pictures={key: b"a picture"})
    return Example.objects.get(example_set__settings__dataset=dataset).public_id


def of_frame() -> Scene:
    grid, external_hit_id = make_offered_grid()
    owner, other = Frame(grid.hit, external_hit_id), Frame(grid.hit, external_hit_id)
    owner.open()
    lease = owner.lease
    lease.assignment = require(lease.assignments.first())
    image = require(grid.cells.first()).image
    terms = grid.hit.batch.terms
    compensation = MarketplaceHIT.objects.create(
        hit=grid.hit,
        terms=terms,
        n_assignments=1,
        expires_at=terms.expires_at,
        compensates=lease.worker,
        qualification=Qualification.objects.create(name=unique("Compensation"), description="one person"),
    )
    parts = {
        "batch_id": grid.hit.batch.public_id,
        "hit_id": grid.hit.public_id,
        "lease_id": lease.public_id,
        "handle": image_handle(lease, image.public_id),
        "public_id": compensation.public_id,
    }
    queries = {"owner": owner.ids, "other": other.ids}
    return Scene(lease, parts, queries, {"owner": work_token(lease)}, {"selected": owner.handles()[:1]})


def client_of(who: str) -> Client:
    client = Client(headers={"host": urlsplit(settings.WORKER_ORIGIN).netloc})
    if who == "researcher":
        client.force_login(get_user_model().objects.create_user(unique("researcher"), is_staff=True))
    return client


@pytest.fixture(autouse=True)
def places(media):
    """Pictures have a folder of their own."""


def test_every_address_has_its_line():
    assert {route for route, _ in MATRIX} == set(routes(WORKER_URLS))
    assert all(line.keys() == {"GET", "POST"} for line in MATRIX.values())


@pytest.mark.parametrize("line", MATRIX, ids=lambda line: f"{line[1]} /{line[0]}")
def test_everybody_meets_what_the_matrix_says_and_no_get_changes_anything(line):
    route, place = line
    scene = of_frame() if place == FRAME else of_link("classify" if route.startswith("classify") else "contains")
    allowed = MADE_AT_FIRST_LOOK | ALLOWED.get(line, set())
    for method, cells in MATRIX[line].items():
        for who, expected in zip(WHO, cells, strict=True):
            content: dict[str, Any] = {"headers": {"sec-fetch-site": "same-origin"}}
            content |= {"data": scene.form(who)} if method == "POST" else {}
            answer, changed = asked(client_of(who), method, scene.path(route, who), **content)
            assert (who, method, met(answer, method)) == (who, method, expected), answer
            if method == "GET":
                assert changed <= allowed, (who, changed)
            elif expected != DONE and who != "owner":
                assert not changed, (who, changed)
            assert not answer.cookies
