from django.urls import path

from contains_task import views

urlpatterns = [path("<slug:hit_id>/", views.grid, name="contains-grid")]
