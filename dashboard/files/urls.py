from django.urls import path

from dashboard.files import reviews, views

urlpatterns = [
    path("setup/new/", views.new_dataset, name="new-dataset"),
    path("setup/stop/<int:pk>/", views.stop, name="stop-job"),
    path("setup/report/<int:pk>.txt", views.job_report, name="job-report"),
    path("setup/images/<path:name>/", views.images, name="setup-images"),
    path("setup/files/<path:name>/", views.files, name="setup-files"),
    path("setup/rows/<slug:kind>/<slug:format>/<path:name>/", views.rows, name="file-of-rows"),
    path("setup/review/<int:pk>/file.<slug:format>", reviews.review_file, name="file-of-review"),
    path("setup/predictions/<int:classifier>/<path:name>/", views.predictions, name="file-of-predictions"),
]
