from django.urls import path

from catalog import views

urlpatterns = [path("i/<slug:public_id>.jpg", views.photograph, name="photograph")]
