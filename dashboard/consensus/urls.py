"""Addresses of the queue of disputes, and of the discussion of an item."""

from django.urls import path

from dashboard.consensus import views

urlpatterns = [
    path("consensus/<int:pk>/", views.queue, name="consensus"),
    path("consensus/<int:pk>/next/", views.following, name="next-dispute"),
    path("consensus/item/<slug:public_id>/", views.discussion, name="discussion"),
    path("consensus/item/<slug:public_id>/settle/", views.settle_item, name="settle-item"),
    path("consensus/item/<slug:public_id>/open/", views.open_again, name="open-item-again"),
    path("consensus/item/<slug:public_id>/comment/", views.comment, name="comment-on-item"),
]
