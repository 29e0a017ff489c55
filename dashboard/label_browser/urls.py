"""Addresses of the label browser."""

from django.urls import path

from dashboard.label_browser import views

urlpatterns = [
    path("labels/search/<path:name>/", views.search, name="label-search"),
    path("labels/matches/<path:name>/", views.matches, name="label-matches"),
    path("labels/hierarchy/<path:name>/", views.hierarchy, name="label-hierarchy"),
    path("labels/tree/<path:name>/", views.tree, name="label-tree"),
    path("labels/class/<int:index>/<path:name>/", views.label, name="label-class"),
    path("labels/examples/<slug:size>/<slug:public_id>.jpg", views.example, name="class-example"),
]
