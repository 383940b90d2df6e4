from django.urls import path

from download.views import search

app_name = "download"

urlpatterns = [
    path("search/", search.results, name="search"),
    path("search/palette/", search.palette, name="palette"),
]
