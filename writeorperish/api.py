"""The API's roof: one include per feature, `me/` for accounts, and the schema."""

from django.conf import settings
from django.urls import include, path

from writeorperish.ui.views import docs, nothing_here, schema

urlpatterns = [
    path("v1/me/", include(("accounts.api", "me"), namespace="me")),
    *[
        path(f"v1/{feature}/", include((f"{feature}.api", f"{feature}-api")))
        for feature in settings.FEATURES
    ],
    path("schema/", schema, name="api-schema"),
    path("docs/", docs, name="api-docs"),
    path("<path:rest>", nothing_here),
]
