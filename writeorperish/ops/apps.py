import gc
from importlib import import_module
from pkgutil import iter_modules

from django.apps import AppConfig

# The Celery app, so that tasks declared with shared_task find it. Not in the package's `__init__.py`: the children
# that open strangers' files would load all of Celery, for half of what it takes to start them.
import writeorperish.celery
import writeorperish.ops.settings_check  # noqa: F401  # registers its check

# What is imported now stays to the end. Looking for garbage in it meanwhile, and once more when the process ends,
# would take a quarter of the time that a command needs to begin and end.
gc.disable()


class OpsConfig(AppConfig):
    name = "writeorperish.ops"

    def ready(self) -> None:
        """What was imported is left alone from now on, which spares forked workers a copy of it, too."""
        gc.freeze()
        gc.enable()


class ModelsInRooms(AppConfig):
    """An app whose `models` is a package: every module in it is loaded, since `__init__.py` stays empty."""

    default = False

    def import_models(self) -> None:
        package = import_module(f"{self.name}.models")
        for module in iter_modules(package.__path__):
            import_module(f"{package.__name__}.{module.name}")
        super().import_models()
