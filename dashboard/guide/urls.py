"""Addresses of the labelling guide."""

from django.urls import path

from dashboard.guide import views, writing

urlpatterns = [
    path("guide/entries/<path:name>/", views.entries, name="guide"),
    path("guide/entry/<int:pk>/<path:name>/", views.entry, name="guide-entry"),
    path("guide/new/<path:name>/", writing.new, name="guide-new"),
    path("guide/edit/<int:pk>/<path:name>/", writing.edit, name="guide-edit"),
    path("guide/versions/<int:pk>/<path:name>/", views.versions, name="guide-versions"),
    path("guide/version/<int:pk>/<int:number>/<path:name>/", views.version, name="guide-version"),
    path("guide/differences/<int:pk>/<path:name>/", views.differences_shown, name="guide-differences"),
    path("guide/restore/<int:pk>/<int:number>/<path:name>/", writing.restore_entry, name="guide-restore"),
    path("guide/about/<int:pk>/<slug:act>/<path:name>/", writing.about, name="guide-about"),
    path("guide/share/<path:name>/", writing.share, name="guide-share"),
    path("guide/document/<slug:format>/<path:name>/", views.document, name="guide-document"),
    path("guide/picture/<slug:public_id>/<path:name>/", views.picture, name="guide-picture"),
]
