from django.urls import path

from dashboard.payments import approvals, decisions, views

urlpatterns = [
    path("setup/marketplace/<path:name>/", views.marketplace, name="setup-marketplace"),
    path("setup/publish/<int:pk>/", views.publish, name="setup-publish"),
    path("setup/published/<int:pk>/", views.published, name="setup-published"),
    path("setup/published/<int:pk>/compare/", views.compare, name="setup-compare"),
    path("setup/published/<int:pk>/resend/", views.resend, name="setup-resend"),
    path("setup/published/<int:pk>/compensate/<slug:worker>/", decisions.compensation, name="setup-compensate"),
    path("setup/published/<int:pk>/approve/", approvals.approve_all, name="setup-approve-all"),
    path("setup/published/<int:pk>/<slug:decision>/", decisions.about_batch, name="setup-about-batch"),
    path("setup/assignment/<int:pk>/", approvals.assignment, name="setup-assignment"),
    path("setup/assignment/<int:pk>/approve/", approvals.approve, name="setup-approve"),
    path("setup/assignment/<int:pk>/<slug:decision>/", decisions.about_assignment, name="setup-about-assignment"),
    path("setup/second/<str:token>/", decisions.second, name="setup-second"),
]
