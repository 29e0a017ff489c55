"""Measure the opening of the review of Shankar et al. 2020: 40,683 images with 245,106 predictions, on 1,000 classes.

    ./manage shell -v 0 -c 'from benchmarks import open_review; open_review.main("../shared/released")'

Makes a scratch database and loads `review_predictions.csv.gz` as `./manage open_review --file` does, from the bytes to
the commit. Then it measures the reads of a large review: the list of classes, the next class, a class page, progress,
and a verdict. Opening may take 60 seconds, a class page 150 ms and a verdict 50 ms (95 of 100).
"""

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import setup_databases, teardown_databases

from access.memberships.actions import give_role
from access.models import Role
from data_import.reviews.actions import add_predictions_of_file, open_review_of_file
from review_task.actions import give_verdict
from review_task.models import Item, Review
from review_task.reads import next_page, page_content, pages_of, progress, states_of

FILE = "review_predictions.csv.gz"
LIMIT_SECONDS = 60
LIMIT_PAGE_MS = 150
LIMIT_VERDICT_MS = 50
REVIEWERS = 5


def main(folder: str) -> None:
    databases = setup_databases(verbosity=0, interactive=False)
    try:
        faults = measure(Path(folder) / FILE)
    finally:
        teardown_databases(databases, verbosity=0)
    if faults:
        sys.exit("\n".join(faults))


def measure(file: Path) -> list[str]:
    seconds, review = timed(
        lambda: open_review_of_file(
            name="imagenet", label_set=None, file=file, title="Shankar et al. 2020", n_reviewers=REVIEWERS
        )
    )
    state = progress(review)
    print(
        f"opened in {seconds:.1f} s: {state.n_images:,} images, {state.n_items:,} labels, {state.n_pages:,} pages; "
        f"{predicted(review):,} of the labels are predictions"
    )
    again, _ = timed(lambda: add_predictions_of_file(review=review, file=file))
    print(f"the same predictions again: {again:.1f} s")
    people = [reviewer(review, n) for n in range(REVIEWERS)]
    verdicts = judge(review, people, n_pages=40)
    pages = np.array([timed(partial(page_content, page, people[0]))[0] for page in review.pages.all()[:200]])
    for name, read in (
        ("list of classes", lambda: pages_of(review, people[0])),
        ("next class", lambda: next_page(review, people[0])),
        ("progress", lambda: progress(review)),
        ("final states", lambda: states_of(review)),
    ):
        print(f"{name}: {1000 * timed(read)[0]:.0f} ms")
    page_ms, verdict_ms = (1000 * float(np.quantile(times, 0.95)) for times in (pages, verdicts))
    print(f"content of a class page: p95 {page_ms:.1f} ms; verdict: p95 {verdict_ms:.1f} ms")
    limits = ((seconds, LIMIT_SECONDS), (page_ms, LIMIT_PAGE_MS), (verdict_ms, LIMIT_VERDICT_MS))
    return [f"{value:.1f} is above the limit of {limit}" for value, limit in limits if value > limit]


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    begin = time.perf_counter()
    result = work()
    return time.perf_counter() - begin, result


def predicted(review: Review) -> int:
    return Item.objects.filter(page__review=review, n_models__gte=1).count()


def reviewer(review: Review, number: int) -> User:
    user = User.objects.create_user(f"expert {number}")
    give_role(dataset=review.batch.dataset, user=user, role=Role.REVIEWER, by=None)
    return user


def judge(review: Review, people: list[User], n_pages: int) -> np.ndarray:
    """Return the seconds of each verdict of these people on the first pages."""
    times = []
    for page in review.pages.select_related("review__batch__dataset", "hit")[:n_pages]:
        for item in page.items.all()[:20]:
            for user in people:
                times.append(timed(partial(give_verdict, page=page, user=user, item=item, verdict="correct"))[0])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE review_task_verdict")
    return np.array(times)
