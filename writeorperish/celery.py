import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "writeorperish.settings")

app = Celery("writeorperish")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
