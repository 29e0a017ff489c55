from django.urls import path

from dashboard.participants import views

urlpatterns = [
    path("setup/introduction/<path:name>/", views.introduction, name="setup-introduction"),
    path("setup/reports/<path:name>/", views.reports, name="setup-reports"),
    path("setup/report/<int:pk>/<slug:act>/", views.about_report, name="setup-about-report"),
]
