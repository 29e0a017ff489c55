from django.urls import include, path

from workforce import views

urlpatterns = [
    path("join/<slug:batch_id>", views.join, name="join"),
    path("join/<slug:batch_id>/finish", views.finish, name="finish"),
    path("about/<slug:batch_id>/", views.about, name="about-batch"),
    path("e/", include("workforce.examples.urls")),
    # As people type and some sites rewrite them.
    path("join/<slug:batch_id>/", views.join),
    path("join/<slug:batch_id>/finish/", views.finish),
]
