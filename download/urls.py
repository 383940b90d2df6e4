from django.urls import path

from download.views import review, search

app_name = "download"

urlpatterns = [
    path("review/", review.home, name="review"),
    path("review/session/", review.session, name="review-session"),
    path("review/session/grades/", review.grade, name="review-grade"),
    path("review/session/skip/", review.skip, name="review-skip"),
    path("review/session/snooze/", review.snooze, name="review-snooze"),
    path("review/session/undo/", review.undo, name="review-undo"),
    path("review/settings/", review.settings, name="review-settings"),
    path("review/spread/", review.spread_out, name="review-spread"),
    path("search/", search.results, name="search"),
    path("search/palette/", search.palette, name="palette"),
]
