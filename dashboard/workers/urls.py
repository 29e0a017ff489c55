from django.urls import path

from dashboard.workers import participants, views

urlpatterns = [
    path("setup/workers/<path:name>/", views.workers, name="study-workers"),
    path("setup/worker/<slug:worker>/<path:name>/", views.worker, name="study-worker"),
    path("setup/worker-decision/<slug:worker>/<slug:act>/<path:name>/", views.about_worker, name="study-about-worker"),
    path("setup/submission/<int:pk>/", views.submission, name="study-submission"),
    path("setup/look-up/<path:name>/", participants.look_up, name="study-look-up"),
    path("setup/withdrawals/<path:name>/", participants.withdrawals, name="study-withdrawals"),
    path("setup/recruitment/<path:name>/", participants.recruitment, name="study-recruitment"),
]
