from django.urls import path

from writeorperish.ui import views

app_name = "ui"
urlpatterns = [
    path("styleguide/", views.styleguide, name="styleguide"),
    path("offline/", views.offline, name="offline"),
    path("sw.js", views.service_worker, name="service-worker"),
    path("manifest.webmanifest", views.manifest, name="manifest"),
    path("share-target/", views.share_target, name="share-target"),
    path("csp-report/", views.csp_report, name="csp-report"),
]
