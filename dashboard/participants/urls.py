from django.urls import path

from dashboard.participants import networks, views

urlpatterns = [
    path("setup/introduction/<path:name>/", views.introduction, name="setup-introduction"),
    path("setup/reports/<path:name>/", views.reports, name="setup-reports"),
    path("setup/report/<int:pk>/<slug:act>/", views.about_report, name="setup-about-report"),
    path("setup/networks/<path:name>/", networks.networks, name="setup-networks"),
    path("setup/include-again/<slug:step>/<path:name>/", networks.include_again, name="setup-include-again"),
    path("setup/links/<int:pk>/", networks.links, name="setup-links"),
]
