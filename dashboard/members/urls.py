"""Addresses of the people of a study."""

from django.urls import path

from dashboard.members import views

urlpatterns = [
    path("setup/people/<path:name>/", views.people, name="people"),
    path("setup/member/<int:pk>/role/", views.change, name="change-member"),
    path("setup/member/<int:pk>/remove/", views.remove, name="remove-member"),
    path("setup/invitation/<int:pk>/revoke/", views.revoke, name="revoke-invitation"),
    path("invitations/<slug:secret>/", views.accept, name="invitation"),
]
