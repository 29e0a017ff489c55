"""Addresses of the page Agreement, and of the images behind its figures."""

from django.urls import path

from dashboard.agreement import views

urlpatterns = [
    path("agreement/again/<path:name>/", views.recompute, name="recompute-agreement"),
    path("agreement/images/<slug:of>/<path:name>/", views.images, name="agreement-images"),
    path("agreement/workers/<slug:first>/<slug:second>/<path:name>/", views.two_workers, name="agreement-workers"),
    path("agreement/study/<path:name>/", views.agreement, name="agreement"),
]
