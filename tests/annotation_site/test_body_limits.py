"""A view may take larger bodies than others do, and says so by a decorator."""

from django.http import HttpResponse
from django.test import RequestFactory
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from dashboard.pages import most_bytes_of, takes_bodies_up_to


@never_cache
@takes_bodies_up_to(lambda: 7)
@require_POST
def larger(request):
    return HttpResponse()


urlpatterns = [path("larger/", larger), path("others/", never_cache(lambda request: HttpResponse()))]


def most_bytes(address: str) -> int:
    request = RequestFactory().post(address)
    request.urlconf = __name__
    return most_bytes_of(request)


def test_a_view_takes_more_whatever_decorators_stand_around_it_and_others_do_not():
    assert [most_bytes(address) for address in ("/larger/", "/others/", "/nowhere/")] == [7, 0, 0]
