"""Fills our database, by the site's own actions: grids of one photograph and of 48, on the link path and a marketplace.

Run by our Python with STATE_DIR in the environment. Writes what the clients have to know as JSON.
"""

import json
import secrets
import sys
from datetime import timedelta

import django

django.setup()

from django.db import connection  # noqa: E402

from catalog.actions import create_dataset, ensure_imagenet  # noqa: E402
from catalog.models import Image  # noqa: E402
from catalog.reads import now  # noqa: E402
from contains_task.actions import ComposedCell, open_composed_grids  # noqa: E402
from contains_task.models import Role  # noqa: E402
from mturk.models import MarketplaceHIT, Terms  # noqa: E402
from workforce.actions import open_batch  # noqa: E402
from workforce.models import HIT, Batch  # noqa: E402

PHOTOGRAPHS_OF_A_GRID = 48
PHOTOGRAPHS = 4_800
ANSWERS_AT_A_TIME = 100_000


def main() -> None:
    requested = json.load(sys.stdin)
    study = Study()
    batches = {
        "one": study.batch(cells=1, hits=requested["hits"], answers=requested["answers"]),
        "full": study.batch(cells=PHOTOGRAPHS_OF_A_GRID, hits=requested["hits"], answers=requested["answers"]),
        "few": [study.batch(cells=1, hits=requested["few"] // 10, answers=10) for _ in range(requested["rounds"])],
        "many": study.batch(cells=1, hits=requested["many"] // 10, answers=10),
        "framed": study.offered(cells=1, hits=requested["hits"], answers=requested["answers"]),
        "framed_full": study.offered(cells=PHOTOGRAPHS_OF_A_GRID, hits=requested["hits"], answers=requested["answers"]),
    }
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    json.dump(batches, sys.stdout)


class Study:
    """Every pair of a photograph and a class is asked about once in a batch, as in a real one."""

    def __init__(self) -> None:
        label_set = ensure_imagenet()
        self.dataset = create_dataset(name="study", label_set=label_set)
        self.labels = list(label_set.labels.order_by("index").values_list("id", flat=True))
        rows = [Image(dataset=self.dataset, name=f"photograph-{number}.jpg") for number in range(PHOTOGRAPHS)]
        # Nobody fetches the files, on neither side, so there are none.
        self.images = [image.pk for image in Image.objects.bulk_create(rows, batch_size=5000)]

    def batch(self, *, cells: int, hits: int, answers: int, marketplace: str = "link") -> str:
        batch = open_batch(dataset=self.dataset, kind="contains", marketplace=marketplace)
        at_a_time = ANSWERS_AT_A_TIME // answers
        for begin in range(0, hits, at_a_time):
            numbers = range(begin, min(begin + at_a_time, hits))
            composed = [
                ComposedCell(number - begin, self._image(number, position, cells), position, Role.QUESTION, None)
                for number in numbers
                for position in range(cells)
            ]
            label_ids = [self.labels[number % len(self.labels)] for number in numbers]
            open_composed_grids(batch=batch, label_ids=label_ids, cells=composed, n_slots=answers)
        return batch.public_id

    def _image(self, number: int, position: int, cells: int) -> int:
        return self.images[(number // len(self.labels) * cells + position) % len(self.images)]

    def offered(self, *, cells: int, hits: int, answers: int) -> dict:
        """A batch as the marketplace has it: path of the page and the HIT's id there, HIT by HIT for every answer."""
        batch = Batch.objects.get(public_id=self.batch(cells=cells, hits=hits, answers=answers, marketplace="mturk"))
        second = {"assignment_seconds": 3600, "lifetime_seconds": 3600, "auto_approval_seconds": 3600}
        until = now() + timedelta(hours=1)
        terms = Terms.objects.create(batch=batch, reward="0.10", spending_cap="9999.00", expires_at=until, **second)
        rows = [
            MarketplaceHIT(
                hit=hit,
                terms=terms,
                external_id="3" + secrets.token_hex(14).upper(),
                n_assignments=answers,
                expires_at=until,
            )
            for hit in HIT.objects.filter(batch=batch).order_by("id")
        ]
        MarketplaceHIT.objects.bulk_create(rows, batch_size=5000)
        turns = [(f"/contains/{row.hit.public_id}/", row.external_id) for _ in range(answers) for row in rows]
        return {"batch": batch.public_id, "turns": turns}


if __name__ == "__main__":
    main()
