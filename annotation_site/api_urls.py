"""Addresses of the REST interface, under /api/v1/."""

from django.urls import path

from annotation_site import api

urlpatterns = [
    path("", api.Index.as_view(), name="api-index"),
    path("schema/", api.OpenAPISchema.as_view(), name="api-schema"),
    path("annotations/", api.AnnotationTable.as_view(), name="api-annotations"),
    path("selection_frequencies/", api.FrequencyTable.as_view(), name="api-selection_frequencies"),
    path("contains_votes/", api.ContainsVoteTable.as_view(), name="api-contains_votes"),
    path("classify_votes/", api.ClassifyVoteTable.as_view(), name="api-classify_votes"),
    # With the slash: an address that lacks only that is still redirected.
    path("<path:address>/", api.NoSuchAddress.as_view()),
]
