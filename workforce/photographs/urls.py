from django.urls import path

from workforce.photographs import views

urlpatterns = [
    path("<slug:lease_id>/<slug:handle>.jpg", views.work_photograph, name="work-photograph"),
    path("<slug:lease_id>/<int:side>/<slug:handle>", views.small_photograph, name="small-photograph"),
    path("<slug:lease_id>/cell/<slug:handle>.jpg", views.cell_photograph, name="cell-photograph"),
]
