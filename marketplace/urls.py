from django.conf import settings
from django.urls import include, path

from marketplace.endpoint.views import endpoint

urlpatterns = [path("", endpoint)] + ([path("faults/", include("marketplace.faults.urls"))] if settings.FAULTS else [])
