"""Addresses of the page Labels."""

from django.urls import path

from dashboard.labels import views

urlpatterns = [
    path("setup/labels/<path:name>/", views.labels, name="setup-labels"),
    path("setup/label/<int:index>/<path:name>/", views.label, name="setup-label"),
]
