"""A view may take larger bodies than others do, and says so by a decorator."""

from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpResponse
from django.test import RequestFactory
from django.urls import path
from django.views.decorators.cache import never_cache

from access.permissions.reads import May
from annotation_site.middleware import FORM
from dashboard.pages import most_bytes_of, staff_page, takes_bodies_up_to
from studies.links.actions import MOST_BYTES_OF_A_LIST, MOST_IDS
from tests.factories import make_account, make_administrator, make_batch, make_dataset, staff_client


@never_cache
@takes_bodies_up_to(lambda: 7)
@staff_page("POST", may=May.ADMINISTER)
def larger(request):
    return HttpResponse()


urlpatterns = [path("larger/", larger), path("others/", never_cache(lambda request: HttpResponse()))]


def most_bytes(address: str, user: User | AnonymousUser) -> int:
    request = RequestFactory().post(address)
    request.urlconf, request.user = __name__, user
    return most_bytes_of(request)


@pytest.mark.django_db
def test_a_view_takes_more_whatever_decorators_stand_around_it_and_others_do_not():
    user = make_administrator()
    assert [most_bytes(address, user) for address in ("/larger/", "/others/", "/nowhere/")] == [7, 0, 0]


@pytest.mark.django_db
def test_a_view_takes_no_more_from_people_whom_it_does_not_let_in():
    assert [most_bytes("/larger/", user) for user in (AnonymousUser(), make_account())] == [0, 0]


def list_of(n_ids: int) -> str:
    return "\r\n".join(f"{number:024x}" for number in range(n_ids))


@pytest.mark.django_db
def test_the_page_of_links_takes_as_many_ids_as_it_says_and_other_pages_no_longer_forms():
    batch = make_batch(make_dataset(), admission="listed")
    client, text = staff_client(), list_of(MOST_IDS)
    assert len(text) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    assert client.post(f"/setup/links/{batch.pk}/", urlencode({"ids": text}), content_type=FORM).status_code == 200
    assert batch.listed_ids.count() == MOST_IDS
    too_many = client.post(f"/setup/links/{batch.pk}/", urlencode({"ids": list_of(MOST_IDS + 1)}), content_type=FORM)
    assert too_many.status_code == 422 and "1 to 20,000 IDs" in too_many.content.decode()
    elsewhere = f"/setup/introduction/{batch.dataset.name}/"
    assert client.post(elsewhere, urlencode({"consent": text}), content_type=FORM).status_code == 413


@pytest.mark.django_db
def test_a_list_that_is_far_too_long_and_one_of_a_visitor_are_refused_before_anything_reads_them():
    batch = make_batch(make_dataset(), admission="listed")
    address, text = f"/setup/links/{batch.pk}/", "x" * MOST_BYTES_OF_A_LIST
    assert staff_client().post(address, f"ids={text}", content_type=FORM).status_code == 413
    visitor = staff_client(signed_in=False)
    assert visitor.post(address, urlencode({"ids": list_of(MOST_IDS)}), content_type=FORM).status_code == 413
