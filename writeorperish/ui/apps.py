from django.apps import AppConfig
from django.contrib.staticfiles.apps import StaticFilesConfig


class UiConfig(AppConfig):
    name = "writeorperish.ui"
    default = True


class StaticFiles(StaticFilesConfig):
    """Django's, without what no page loads: pages of the API, a second viewer of its schema, single icons."""

    ignore_patterns = [
        *StaticFilesConfig.ignore_patterns,
        *("guardian", "lucide", "redoc", "rest_framework"),
    ]
