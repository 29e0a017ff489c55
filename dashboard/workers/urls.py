from django.urls import path

from dashboard.workers import participants, rules, views

urlpatterns = [
    path("setup/workers/<path:name>/", views.workers, name="study-workers"),
    path("setup/worker/<slug:worker>/<path:name>/", views.worker, name="study-worker"),
    path("setup/worker-decision/<slug:worker>/<slug:act>/<path:name>/", views.about_worker, name="study-about-worker"),
    path("setup/submission/<int:pk>/", views.submission, name="study-submission"),
    path("setup/rules/<path:name>/", rules.rules, name="study-rules"),
    path("setup/rule/<path:name>/", rules.rule, name="study-rule"),
    path("setup/rule-decision/<int:pk>/<slug:act>/", rules.about_decision, name="study-rule-decision"),
    path("setup/look-up/<path:name>/", participants.look_up, name="study-look-up"),
    path("setup/withdrawals/<path:name>/", participants.withdrawals, name="study-withdrawals"),
    path("setup/recruitment/<path:name>/", participants.recruitment, name="study-recruitment"),
]
