from django.urls import path

from annotation_site.paying import approving, deciding, views

urlpatterns = [
    path("setup/marketplace/<path:name>/", views.marketplace, name="setup-marketplace"),
    path("setup/publish/<int:pk>/", views.publish, name="setup-publish"),
    path("setup/published/<int:pk>/", views.published, name="setup-published"),
    path("setup/published/<int:pk>/compare/", views.compare, name="setup-compare"),
    path("setup/published/<int:pk>/resend/", views.resend, name="setup-resend"),
    path("setup/published/<int:pk>/compensate/<slug:worker>/", deciding.compensation, name="setup-compensate"),
    path("setup/published/<int:pk>/approve/", approving.approve_all, name="setup-approve-all"),
    path("setup/published/<int:pk>/<slug:decision>/", deciding.about_batch, name="setup-about-batch"),
    path("setup/assignment/<int:pk>/", approving.assignment, name="setup-assignment"),
    path("setup/assignment/<int:pk>/approve/", approving.approve, name="setup-approve"),
    path("setup/assignment/<int:pk>/<slug:decision>/", deciding.about_assignment, name="setup-about-assignment"),
    path("setup/second/<str:token>/", deciding.second, name="setup-second"),
]
