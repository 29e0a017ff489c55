"""Addresses of the tab Review, and of the pages of classes."""

from django.urls import path

from dashboard.review import class_pages, decisions, views

urlpatterns = [
    path("review/study/<path:name>/", views.reviews, name="reviews"),
    path("review/open/<path:name>/", decisions.open_study_review, name="open-review"),
    path("review/<int:pk>/", views.review, name="review"),
    path("review/<int:pk>/next/", views.next_class, name="next-class"),
    path("review/<int:pk>/label/<int:index>/", views.about_label, name="review-label"),
    path("review/<int:pk>/assign/", decisions.assign_classes, name="assign-classes"),
    path("review/<int:pk>/unassign/<int:number>/", decisions.unassign_class, name="unassign-class"),
    path("review/<int:pk>/predictions/", decisions.add_new_predictions, name="add-predictions"),
    path("review/<int:pk>/reason/", decisions.add_own_reason, name="add-problem-reason"),
    path("review/<int:pk>/close/", decisions.close_study_review, name="close-review"),
    path("review/class/<int:pk>/", class_pages.class_page, name="class-page"),
    path("review/class/<int:pk>/presses/", class_pages.store_presses, name="store-presses"),
    path("review/image/<slug:public_id>.jpg", class_pages.photograph, name="review-photograph"),
    path("review/example/<slug:public_id>.jpg", class_pages.example, name="review-example"),
]
