"""Links of ImageNet's classes that an older version stored: they name the kind of thing from now on."""

from importlib import import_module

import pytest
from django.apps import apps

from catalog.actions import ensure_imagenet
from catalog.models import Label, LabelSet

OLD = "https://en.wikipedia.org/wiki/Special:Search?search=crane&go=Go"
NEW = "https://en.wikipedia.org/wiki/Special:Search?search=crane+"
OF_SOMEBODY = "https://birds.example/crane"


@pytest.mark.django_db
def test_stored_searches_name_the_kind_and_links_that_people_set_stay():
    imagenet = ensure_imagenet()
    other = LabelSet.objects.create(name="birds")
    Label.objects.create(label_set=other, index=0, words="crane", wnid="n02012849", wikipedia_url=OLD)
    imagenet.labels.filter(index__in=[134, 517]).update(wikipedia_url=OLD)
    imagenet.labels.filter(index=135).update(wikipedia_url=OF_SOMEBODY)
    import_module("catalog.migrations.0006_links_name_the_kind").name_the_kind(apps, None)
    urls = dict(imagenet.labels.filter(index__in=[134, 135, 517]).values_list("index", "wikipedia_url"))
    assert urls == {134: NEW + "bird", 135: OF_SOMEBODY, 517: NEW + "lifting+device"}
    assert other.labels.get().wikipedia_url == OLD
