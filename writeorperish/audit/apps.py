from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "writeorperish.audit"
