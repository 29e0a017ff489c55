"""Queries whose SQL is made once answer as the same query made anew."""

import pytest
from django.db import connection, transaction

from catalog.models import Label, SettingsVersion
from catalog.reads import CachedQuery, Given
from tests.factories import make_dataset, make_grid, make_label_set
from workforce.models import HIT, Batch, Submission

pytestmark = pytest.mark.django_db

LABEL = CachedQuery(lambda: Label.objects.filter(label_set=Given("label_set"), index=Given("index")))
LABELS = CachedQuery(
    lambda: Label.objects.filter(label_set=Given("label_set"), index__gt=Given("above")).order_by("-index")
)


def test_it_finds_what_the_query_finds_for_each_value_that_is_given():
    label_set = make_label_set(3)
    for label in label_set.labels.all():
        assert LABEL.get(label_set=label_set.pk, index=label.index) == label
    assert [label.index for label in LABELS.all(label_set=label_set.pk, above=0)] == [2, 1]
    assert LABELS.all(label_set=label_set.pk, above=2) == []


def test_every_column_has_the_value_that_django_gives_it():
    version = make_dataset(positive_controls=1).settings_versions.get()
    settings = CachedQuery(lambda: SettingsVersion.objects.filter(pk=Given("pk"))).get(pk=version.pk)
    for field in SettingsVersion._meta.concrete_fields:
        assert getattr(settings, field.attname) == getattr(version, field.attname), field.name


def test_related_rows_come_along_and_are_none_where_there_are_none(django_assert_num_queries):
    hit = make_grid().hit
    query = CachedQuery(lambda: HIT.objects.filter(pk=Given("pk")), related=["batch__settings__control_pool", "grid"])
    row = query.get(pk=hit.pk)
    with django_assert_num_queries(0):
        assert row.batch.settings.control_pool is None
        assert (row.batch, row.grid, row.grid.hit) == (hit.batch, hit.grid, row)


def test_an_object_is_a_row_of_the_database_that_can_be_changed():
    hit = make_grid().hit
    batch = CachedQuery(lambda: Batch.objects.filter(pk=Given("pk")).select_for_update()).get(pk=hit.batch_id)
    batch.completion_code = "C0DE"
    batch.save()
    assert Batch.objects.get().completion_code == "C0DE"


def test_what_is_left_out_is_looked_up_when_it_is_asked_for(django_assert_num_queries):
    label = make_label_set(1).labels.get()
    row = CachedQuery(lambda: Label.objects.filter(pk=Given("pk")), only=["index"]).get(pk=label.pk)
    with django_assert_num_queries(1):
        assert row.words == label.words


def test_a_row_that_is_not_there_is_said_to_be_missing():
    assert LABEL.first(label_set=0, index=0) is None
    with pytest.raises(Label.DoesNotExist, match="label_set"):
        LABEL.get(label_set=0, index=0)


def test_a_text_is_never_taken_for_sql():
    label_set = make_label_set(1)
    by_words = CachedQuery(lambda: Label.objects.filter(words=Given("words")))
    assert by_words.all(words="' OR ''='") == by_words.all(words="%s %(words)s") == []
    assert by_words.get(words="thing 0").label_set == label_set


def test_a_column_that_django_converts_is_refused():
    with pytest.raises(TypeError, match="only"):
        CachedQuery(lambda: Submission.objects.filter(pk=Given("pk"))).first(pk=1)


def test_a_path_that_leads_to_no_other_object_is_refused():
    with pytest.raises(TypeError, match="index of Label is no other object"):
        CachedQuery(lambda: Label.objects.filter(pk=Given("pk")), related=["label_set", "index"]).first(pk=1)


def test_a_row_of_many_is_an_object_of_its_own_with_its_own_related_rows():
    labels = [label for _ in range(2) for label in make_label_set(2).labels.all()]
    query = CachedQuery(lambda: Label.objects.filter(index__lt=Given("below")).order_by("id"), related=["label_set"])
    rows = query.all(below=2)
    assert [(label.pk, label.label_set) for label in rows] == [(label.pk, label.label_set) for label in labels]


def test_a_lock_that_was_asked_for_is_taken():
    hit = make_grid().hit
    query = CachedQuery(lambda: HIT.objects.filter(pk=Given("pk")).select_for_update())
    with transaction.atomic():
        query.get(pk=hit.pk)
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND mode = 'RowShareLock'")
            assert cursor.fetchone()[0] > 0
