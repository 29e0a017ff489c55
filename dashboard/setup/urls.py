"""Addresses of the set-up pages, from classifiers to open grids."""

from django.urls import include, path

from dashboard.setup import views

urlpatterns = [
    path("setup/classifiers/<path:name>/", views.classifiers, name="setup-classifiers"),
    path("setup/potential_labels/<path:name>/", views.potential_labels, name="setup-potential-labels"),
    path("setup/grids/<path:name>/", views.grids, name="setup-grids"),
    path("setup/settings/<path:name>/", views.settings, name="setup-settings"),
    path("setup/stop_run/<int:pk>/", views.stop, name="setup-stop-run"),
    path("setup/close/<int:pk>/", views.close, name="setup-close-batch"),
    path("", include("dashboard.labels.urls")),
]
