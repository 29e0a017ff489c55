from django.urls import path

from tests.made_up_task import views

urlpatterns = [path("<slug:hit_id>/", views.counting, name="count-page")]
