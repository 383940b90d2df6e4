"""The web roof: who serves what stands in house.md, section 4."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.urls")),
    path("api/", include("writeorperish.api")),
    path("", include("writeorperish.ops.urls")),
    path("", include("writeorperish.ui.urls")),
    path("", include("accounts.urls")),
    *[path("", include(f"{feature}.urls")) for feature in settings.FEATURES],
]

# As strings: Django imports them when it first needs one.
handler400 = "writeorperish.ui.views.bad_request"
handler403 = "writeorperish.ui.views.forbidden"
handler404 = "writeorperish.ui.views.not_found"
handler500 = "writeorperish.ui.views.broken"
