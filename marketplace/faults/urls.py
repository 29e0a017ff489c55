from django.urls import path

from marketplace.faults import views

urlpatterns = [
    path("", views.faults),
    path("clock/", views.clock),
    path("plan/", views.plan),
    path("clear/", views.clear),
]
