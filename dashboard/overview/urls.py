from django.urls import path

from dashboard.overview import views

urlpatterns = [
    path("", views.datasets, name="datasets"),
    path("i/<slug:public_id>.jpg", views.photograph, name="photograph"),
    path("images/<slug:public_id>/", views.image, name="image"),
    # Last: a dataset may be called what its researcher likes, slashes included.
    path("datasets/<path:name>/", views.results, name="dataset"),
]
