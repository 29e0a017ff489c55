"""Addresses of mistake queues, their overview, and the images behind it."""

from django.urls import path

from dashboard.mistakes import views

urlpatterns = [
    path("mistakes/study/<path:name>/", views.queues, name="mistakes"),
    path("mistakes/open/<path:name>/", views.open_queue, name="open-mistakes"),
    path("mistakes/<int:pk>/", views.overview, name="mistakes-of-queue"),
    path("mistakes/<int:pk>/images/", views.images, name="mistake-images"),
    path("mistakes/<int:pk>/file/", views.file, name="mistakes-file"),
    path("mistakes/item/<slug:public_id>/pair/", views.pair, name="pair-mistake"),
]
