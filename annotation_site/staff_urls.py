"""Addresses of the staff origin: the researchers' pages and the REST interface."""

from django.urls import URLPattern, URLResolver, include, path

from access.requests import pages

urlpatterns: list[URLPattern | URLResolver] = [
    path("livez", pages.livez, name="livez"),
    path("readyz", pages.readyz, name="readyz"),
    path("api/v1/", include("api.urls")),
    path("", include("accounts.urls")),
    path("", include("dashboard.files.urls")),
    path("", include("dashboard.setup.urls")),
    path("", include("dashboard.payments.urls")),
    path("", include("dashboard.participants.urls")),
    path("", include("dashboard.agreement.urls")),
    path("", include("dashboard.review.urls")),
    path("", include("dashboard.outcomes.urls")),
    path("", include("dashboard.consensus.urls")),
    path("", include("dashboard.mistakes.urls")),
    path("", include("dashboard.label_browser.urls")),
    path("", include("dashboard.workers.urls")),
    path("", include("dashboard.members.urls")),
    path("", include("dashboard.tokens.urls")),
    path("", include("dashboard.simulation.urls")),
    path("", include("dashboard.guide.urls")),
    path("", include("dashboard.overview.urls")),
]
handler400 = "annotation_site.views.bad_request"
handler403 = "annotation_site.views.forbidden"
handler404 = "annotation_site.views.not_found"
handler500 = "annotation_site.views.server_error"
