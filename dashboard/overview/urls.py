from django.urls import path

from dashboard.overview import further, views

urlpatterns = [
    path("", views.datasets, name="datasets"),
    path("i/<slug:public_id>.jpg", views.photograph, name="photograph"),
    path("images/<slug:public_id>/", views.image, name="image"),
    path("setup/ask/<path:name>/", further.ask_for_missing, name="ask-for-missing"),
    path("setup/recompute/<path:name>/", further.recompute, name="recompute"),
    # Last: a dataset may be called what its researcher likes, slashes included.
    path("datasets/<path:name>/", views.results, name="dataset"),
]
