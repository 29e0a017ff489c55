"""Addresses of the tokens of a study, and of all tokens."""

from django.urls import path

from dashboard.tokens import views

urlpatterns = [
    path("setup/tokens/<path:name>/", views.of_study, name="study-tokens"),
    path("setup/token/<int:pk>/revoke/", views.revoke, name="revoke-study-token"),
    path("tokens/", views.of_site, name="tokens"),
    path("tokens/<int:pk>/revoke/", views.revoke_any, name="revoke-token"),
]
