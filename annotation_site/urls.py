"""Both sides on one origin: what holds when WORKER_ORIGIN and STAFF_ORIGIN are the same (see middleware)."""

from annotation_site import staff_urls, worker_urls

urlpatterns = [*staff_urls.urlpatterns, *worker_urls.urlpatterns]
handler400 = "annotation_site.views.bad_request"
handler403 = "annotation_site.views.forbidden"
handler404 = "annotation_site.views.not_found"
handler500 = "annotation_site.views.server_error"
