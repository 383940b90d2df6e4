from django.urls import URLPattern

app_name = "download"

urlpatterns: list[URLPattern] = []
