"""Search, what one keeps to read and sees again, questions to all of it: the same functions as the pages, as JSON."""

from download.endpoints import exchange, imports, library, recommending, reviews, searching

urlpatterns = [
    *exchange.urlpatterns,
    *searching.urlpatterns,
    *library.urlpatterns,
    *imports.urlpatterns,
    *reviews.urlpatterns,
    *recommending.urlpatterns,
]
