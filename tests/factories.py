"""Rows for tests, made by the site's own actions."""

import io
import itertools
import secrets
from collections.abc import Collection
from functools import lru_cache
from time import time
from typing import Any
from urllib.parse import urlencode, urlsplit

from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.test import Client
from PIL import Image as Pillow

from access.memberships.actions import give_role
from access.models import Role
from accounts.sessions import SEEN
from catalog.actions import NewImage, add_images, add_label_set, create_dataset
from catalog.class_examples.actions import NewExample, add_examples, begin_draw
from catalog.label_data import LabelRecord
from catalog.models import ClassExample, Dataset, Image, LabelSet
from catalog.photographs.reads import Photograph, read_photograph
from catalog.reads import now
from classify_task.actions import open_forms
from classify_task.models import Form
from contains_task.actions import open_grids, record_votes
from contains_task.models import Grid
from contains_task.reads import cells_by_handle
from workforce.actions import identify_worker, open_batch, publish_hits, take_lease
from workforce.consents.reads import standing_at_start
from workforce.models import HIT, Batch, Consent, Lease, Submission, Worker

_numbers = itertools.count(1)


def unique(stem: str) -> str:
    # The random end keeps apart what several processes put into one database.
    return f"{stem}-{next(_numbers)}-{secrets.token_hex(3)}"


def make_label_set(n_labels: int = 4) -> LabelSet:
    """Labels 0, 1, ...; `words` is "thing 0", "thing 1", ..."""
    records = [
        LabelRecord(n, f"n{n:08}", f"thing {n}", f"a thing numbered {n}", "Objects", "") for n in range(n_labels)
    ]
    return add_label_set(name=unique("labels"), labels=records)


def make_dataset(*, n_labels: int = 4, name: str | None = None, **figures: Any) -> Dataset:
    # Controls leave no room in the small grids of most tests; those that are about them say how many.
    figures = {"positive_controls": 0} | figures
    return create_dataset(name=name or unique("dataset"), label_set=make_label_set(n_labels), **figures)


@lru_cache(maxsize=1)
def small_photograph() -> Photograph:
    picture = io.BytesIO()
    Pillow.linear_gradient("L").resize((16, 16)).save(picture, "JPEG")
    return read_photograph(picture.getvalue())


def make_images(dataset: Dataset, n_images: int, *, label: int | None = 0) -> list[Image]:
    """Images with real files and the dataset label of this index, or without one."""
    dataset_label = None if label is None else dataset.label_set.labels.get(index=label)
    names = [unique("image") + ".jpg" for _ in range(n_images)]
    add_images(dataset=dataset, images=[NewImage(name, dataset_label, small_photograph()) for name in names])
    return list(Image.objects.filter(dataset=dataset, name__in=names).order_by("pk"))


def make_class_example(dataset: Dataset) -> ClassExample:
    """An example image of class 0, drawn for a study."""
    draw = begin_draw(dataset=dataset, seed=0, per_class=1, replace=False)
    content = small_photograph().original
    example = NewExample("train/a.jpg", "0" * 64, content, content)
    add_examples(draw=draw, label=dataset.label_set.labels.get(index=0), examples=[example])
    return draw.examples.get()


def make_batch(dataset: Dataset | None = None, *, kind: str = "contains", **options: Any) -> Batch:
    return open_batch(dataset=dataset or make_dataset(), kind=kind, **options)


def make_hits(n_hits: int = 1, n_slots: int = 1, *, batch: Batch | None = None) -> list[HIT]:
    """HITs without content, for what only concerns who gets them; `hit.batch` is their batch."""
    return publish_hits(batch=batch or make_batch(), n_hits=n_hits, n_slots=n_slots)


def make_worker(external_id: str | None = None, *, marketplace: str = "link") -> Worker:
    return identify_worker(marketplace=marketplace, external_id=external_id or unique("person"))


def agree(*, batch: Batch, worker: Worker) -> Consent:
    """Record that a worker of a study link agrees to what it asks now."""
    text = standing_at_start(batch).text
    earlier = Consent.objects.filter(worker=worker, batch=batch).order_by("number").last()
    if earlier is not None and earlier.agreed and earlier.text_id == text:
        return earlier
    number = earlier.number + 1 if earlier else 1
    return Consent.objects.create(
        worker=worker, batch=batch, text_id=text, agreed=True, number=number, created_at=now()
    )


def make_lease(batch: Batch, worker: Worker | None = None) -> Lease:
    worker = worker or make_worker()
    if batch.marketplace == Batch.Marketplace.LINK:
        agree(batch=batch, worker=worker)
    lease = take_lease(batch=batch, worker=worker)
    assert lease is not None, f"{batch} has no work for this person"
    return lease


def make_grid(
    *,
    n_images: int = 3,
    n_slots: int = 2,
    label: int = 0,
    batch: Batch | None = None,
    images: list[Image] | None = None,
) -> Grid:
    """One grid for the label of this index, in a batch of its own unless one is given."""
    if batch is None:
        dataset = images[0].dataset if images else make_dataset(contains_answers=n_slots)
        batch = make_batch(dataset)
    images = images or make_images(batch.dataset, n_images)
    asked = batch.dataset.label_set.labels.get(index=label)
    return open_grids(batch=batch, images_by_label={asked: images})[0]


def tick_images(*, lease: Lease, selected: Collection[str], idempotency_key: str) -> Submission:
    """Have the person of a lease tick the images with these public ids on its grid, and hand in."""
    cells = cells_by_handle(lease)
    handles = {cell.public_id: handle for handle, cell in cells.items()}
    ticked = [handles[public_id] for public_id in selected]
    return record_votes(lease=lease, cells=cells, selected=ticked, idempotency_key=idempotency_key)


def make_form(*, labels: tuple[int, ...] = (0, 1, 2), n_slots: int = 2, image: Image | None = None) -> Form:
    """A form with these labels for an image of its own unless one is given."""
    if image is None:
        image = make_images(make_dataset(classify_answers=n_slots), 1)[0]
    return open_forms(dataset=image.dataset, labels_by_image={image.pk: list(labels)})[0]


def make_account() -> User:
    """An account without any role."""
    return User.objects.create_user(unique("account"))


def make_administrator() -> User:
    return User.objects.create_user(unique("administrator"), is_staff=True)


def make_member(dataset: Dataset, role: Role) -> User:
    """An account with a role in a study, given by the site administrator."""
    person = User.objects.create_user(unique(role))
    give_role(dataset=dataset, user=person, role=role, by=None)
    return person


def member_client(dataset: Dataset, role: Role) -> Client:
    return client_of(make_member(dataset, role))


def client_of(user: User) -> Client:
    """A browser on the staff origin where this person is signed in."""
    client = staff_client(signed_in=False)
    sign_in(client, user)
    return client


def worker_client() -> Client:
    """A browser on the worker origin, as strict about forged requests as a real one meets."""
    return Client(enforce_csrf_checks=True, headers={"host": urlsplit(settings.WORKER_ORIGIN).netloc})


def start(batch: Batch, name: str = "ann", client: Client | None = None, **extra: Any) -> Any:
    """Press Start, or Continue, on the study link: the reply leads to the page of the next task, if there is one."""
    query = name if "=" in name else urlencode({"worker": name})
    return (client or worker_client()).post(f"/join/{batch.public_id}?{query}", **extra)


def staff_client(*, signed_in: bool = True) -> Client:
    client = Client(headers={"host": urlsplit(settings.STAFF_ORIGIN).netloc})
    if signed_in:
        sign_in(client, get_user_model().objects.create_user(unique("researcher"), is_staff=True))
    return client


def sign_in(client: Client, user: User, *, method: str | None = None, later: float = 0) -> None:
    """Sign in as the page does, without its hash; an account without a password by its provider.

    Just now, or so many seconds from now: then the session does not age meanwhile.
    """
    method = method or ("password" if user.has_usable_password() else "socialaccount")
    client.force_login(user)
    session = client.session
    session[AUTHENTICATION_METHODS_SESSION_KEY] = [{"method": method, "at": time() + later}]
    session["account_authentication_methods_user"] = str(user.pk)
    session[SEEN] = int(time() + later)
    session.save()
