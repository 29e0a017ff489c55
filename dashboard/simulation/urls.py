"""Addresses of simulated people: to let them fill the demo study, and to remove them."""

from django.urls import path

from dashboard.simulation import views

urlpatterns = [
    path("simulate/<path:name>/", views.begin, name="simulate"),
    path("remove_simulated/<path:name>/", views.remove_all, name="remove-simulated"),
]
