from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from dashboard.overview import views

urlpatterns = [
    path("", views.datasets, name="datasets"),
    path(
        "login/",
        LoginView.as_view(template_name="dashboard/login.html", redirect_authenticated_user=True),
        name="login",
    ),
    path("logout/", LogoutView.as_view(next_page="login"), name="logout"),
    path("i/<slug:public_id>.jpg", views.photograph, name="photograph"),
    path("images/<slug:public_id>/", views.image, name="image"),
    # Last: a dataset may be called what its researcher likes, slashes included.
    path("datasets/<path:name>/", views.results, name="dataset"),
]
