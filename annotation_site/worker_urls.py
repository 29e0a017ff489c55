"""Addresses of the worker origin."""

from django.urls import include, path

from access.requests import pages
from annotation_site import views
from workforce.kinds import task_kinds

urlpatterns = [
    path("livez", pages.livez, name="livez"),
    path("readyz", pages.readyz, name="readyz"),
    path("", views.worker_home, name="worker-home"),
    path("i/", include("workforce.photographs.urls")),
    path("", include("workforce.urls")),
    path("", include("mturk.urls")),
    *[path(kind.path, include(kind.urls)) for kind in task_kinds() if kind.urls],
]
handler400 = "annotation_site.views.bad_request"
handler403 = "annotation_site.views.forbidden"
handler404 = "annotation_site.views.not_found"
handler500 = "annotation_site.views.server_error"
