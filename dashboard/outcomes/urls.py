"""Addresses of a blind review's opening and outcome."""

from django.urls import path

from dashboard.outcomes import views

urlpatterns = [
    path("review/<int:pk>/again/", views.open_again, name="review-again"),
    path("review/<int:pk>/outcome/", views.outcome, name="review-outcome"),
    path("review/<int:pk>/outcome.csv", views.outcome_file, name="review-outcome-file"),
]
