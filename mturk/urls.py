from django.urls import path

from mturk import views

urlpatterns = [path("compensation/<slug:public_id>/", views.compensation, name="compensation")]
