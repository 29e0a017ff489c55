from django.urls import path

from classify_task import views

urlpatterns = [path("<slug:hit_id>/", views.form, name="classify-form")]
