from django.urls import path

from writeorperish.ops import health

app_name = "ops"
urlpatterns = [
    path("health", health.health, name="health"),
    path("ready", health.ready, name="ready"),
]
