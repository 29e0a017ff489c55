"""Links of ImageNet's classes that an older version stored: they name the kind of thing from now on."""

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from catalog.actions import ensure_imagenet
from catalog.models import Label, LabelSet

BEFORE, AFTER = ("catalog", "0005_reference_pages"), ("catalog", "0006_links_name_the_kind")
OLD = "https://en.wikipedia.org/wiki/Special:Search?search=crane&go=Go"
NEW = "https://en.wikipedia.org/wiki/Special:Search?search=crane+"
OF_SOMEBODY = "https://birds.example/crane"


def migrate(target: tuple[str, str]) -> None:
    MigrationExecutor(connection).migrate([target])


@pytest.mark.django_db(transaction=True)
def test_stored_searches_name_the_kind_and_links_that_people_set_stay():
    imagenet = ensure_imagenet()
    other = LabelSet.objects.create(name="birds")
    Label.objects.create(label_set=other, index=0, words="crane", wnid="n02012849", wikipedia_url=OLD)
    latest = MigrationExecutor(connection).loader.graph.leaf_nodes("catalog")[0]
    try:
        migrate(BEFORE)
        imagenet.labels.filter(index__in=[134, 517]).update(wikipedia_url=OLD)
        imagenet.labels.filter(index=135).update(wikipedia_url=OF_SOMEBODY)
        migrate(AFTER)
    finally:
        migrate(latest)
    urls = dict(imagenet.labels.filter(index__in=[134, 135, 517]).values_list("index", "wikipedia_url"))
    assert urls == {134: NEW + "bird", 135: OF_SOMEBODY, 517: NEW + "lifting+device"}
    assert other.labels.get().wikipedia_url == OLD
