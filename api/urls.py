"""Addresses of the REST interface, under /api/v1/."""

from django.urls import path

from api import views as api

urlpatterns = [
    path("", api.Index.as_view(), name="api-index"),
    path("schema/", api.OpenAPISchema.as_view(), name="api-schema"),
    *[path(f"{name}/", view, name=f"api-{name}") for name, view in api.table_views().items()],
    # With the slash: an address that lacks only that is still redirected.
    path("<path:address>/", api.NoSuchAddress.as_view()),
]
