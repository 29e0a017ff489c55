"""Fills a site with grids of 48 photographs like ImageNet's, for `benchmarks/served.py`: prints the batch's id.

The photographs are those of the demo study, cut differently each time, so that no two files are the same.
"""

import io
import json
import sys

import django

django.setup()

from PIL import Image as Pillow  # noqa: E402

from catalog.actions import NewImage, add_images, create_dataset, ensure_imagenet  # noqa: E402
from catalog.photographs.actions import make_pictures  # noqa: E402
from catalog.photographs.reads import Photograph, read_photograph  # noqa: E402
from contains_task.actions import open_grids  # noqa: E402
from studies.demo.photos import demo_photos  # noqa: E402
from workforce.actions import open_batch  # noqa: E402

N_TILES = 48
# As most of ImageNet's are.
WIDTH, HEIGHT = 500, 375


def main() -> None:
    n_grids = int(sys.argv[1])
    label_set = ensure_imagenet()
    dataset = create_dataset(name="photographs", label_set=label_set, images_per_grid=N_TILES, positive_controls=0)
    photos = [Pillow.open(photo.path).convert("RGB") for photo in demo_photos()]
    new = [NewImage(f"{n}", None, cut(photos[n % len(photos)], n // len(photos))) for n in range(N_TILES)]
    add_images(dataset=dataset, images=new)
    make_pictures(seconds=600)
    images = list(dataset.images.all())
    batch = open_batch(dataset=dataset, kind="contains")
    for label in label_set.labels.order_by("index")[:n_grids]:
        open_grids(batch=batch, images_by_label={label: images})
    print(json.dumps(batch.public_id))


def cut(photo: Pillow.Image, number: int) -> Photograph:
    """Return a part of the photograph in the usual size."""
    inset = 6 * number
    width, height = photo.width - inset, photo.height - inset
    high = min(height, width * HEIGHT // WIDTH)
    part = photo.crop((inset, inset, inset + width, inset + high)).resize((WIDTH, HEIGHT))
    target = io.BytesIO()
    part.save(target, "JPEG", quality=92)
    return read_photograph(target.getvalue())


if __name__ == "__main__":
    main()
