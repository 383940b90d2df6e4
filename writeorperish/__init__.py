"""Loads the Celery app, so that tasks declared with shared_task find it."""

import writeorperish.celery  # noqa: F401
