"""Fills a site with a review as large as the published one, for `benchmarks/review.py`: prints pages and sessions.

Class 0 has photographs of the demo study, cut differently each time; all other images are rows without files. Models
say labels at random, but always the same ones.
"""

import json
import random
import sys
from time import time

import django

django.setup()

from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY  # noqa: E402
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from PIL import Image as Pillow  # noqa: E402

from access.memberships.actions import give_role  # noqa: E402
from access.models import Role  # noqa: E402
from accounts.sessions import SEEN  # noqa: E402
from benchmarks.photograph_study import cut  # noqa: E402
from catalog.actions import NewImage, add_images, create_dataset, ensure_imagenet  # noqa: E402
from catalog.models import Image  # noqa: E402
from catalog.photographs.actions import make_pictures  # noqa: E402
from review_task.actions import open_review  # noqa: E402
from studies.demo.photos import demo_photos  # noqa: E402

N_PHOTOGRAPHS, LABELS_OF_AN_IMAGE = 40, (5, 8)


def main() -> None:
    n_classes, n_people = map(int, sys.argv[1:3])
    label_set = ensure_imagenet()
    dataset = create_dataset(name="review", label_set=label_set)
    labels = list(label_set.labels.order_by("index")[:n_classes])
    photos = [Pillow.open(photo.path).convert("RGB") for photo in demo_photos()]
    new = [NewImage(f"p{n}", labels[0], cut(photos[n % len(photos)], n // len(photos))) for n in range(N_PHOTOGRAPHS)]
    add_images(dataset=dataset, images=new)
    make_pictures(seconds=600)
    rows = [
        Image(dataset=dataset, name=f"{label.index}-{n}", dataset_label=label)
        for label in labels[1:]
        for n in range(40)
    ]
    Image.objects.bulk_create(rows, batch_size=5000)
    chance, predictions = random.Random(1), []
    for image in dataset.images.select_related("dataset_label"):
        own = image.dataset_label.index if image.dataset_label else 0
        others = chance.sample(range(1000), chance.randint(*LABELS_OF_AN_IMAGE))
        predictions += [(image.name, label, chance.randint(1, 60)) for label in {own, *others}]
    begin = time()
    review = open_review(dataset=dataset, title="Review", n_reviewers=n_people, predictions=predictions)
    seconds = time() - begin
    people = [User.objects.create_user(f"expert{n}") for n in range(n_people)]
    for person in people:
        give_role(dataset=dataset, user=person, role=Role.REVIEWER, by=None)
    pages = list(review.pages.order_by("number").values_list("pk", flat=True))
    figures = {"review": review.pk, "pages": pages, "sessions": [session_of(person) for person in people]}
    print(json.dumps(figures | {"seconds": seconds, "n_items": len(predictions), "n_images": len(rows) + len(new)}))


def session_of(person: User) -> str:
    """Return the key of a session in which this person is signed in for an hour without a request."""
    session = SessionStore()
    session[SESSION_KEY], session[HASH_SESSION_KEY] = str(person.pk), person.get_session_auth_hash()
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[AUTHENTICATION_METHODS_SESSION_KEY] = [{"method": "password", "at": time()}]
    session["account_authentication_methods_user"], session[SEEN] = str(person.pk), int(time())
    session.create()
    return str(session.session_key)


if __name__ == "__main__":
    main()
