from importlib import import_module
from importlib.util import find_spec

from django.apps import AppConfig
from django.conf import settings

REGISTRATIONS = ("sources", "handlers", "notices", "slots")


class EventsConfig(AppConfig):
    name = "writeorperish.events"

    def ready(self) -> None:
        """Every text, listener, notice and slot of the installed rooms is registered."""
        rooms = {"accounts", "moderation", *settings.FEATURES, *settings.GROUND}
        for app in self.apps.get_app_configs():  # type: ignore[union-attr]  # set by now
            if app.name in rooms:
                for name in REGISTRATIONS:
                    if find_spec(f"{app.name}.{name}"):
                        import_module(f"{app.name}.{name}")
