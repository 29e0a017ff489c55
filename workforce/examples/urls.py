"""Addresses of example photographs."""

from django.urls import path

from workforce.examples import views

urlpatterns = [path("<slug:public_id>.jpg", views.example, name="example")]
