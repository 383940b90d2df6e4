from django.apps import AppConfig

import writeorperish.crypto.bucket_check  # noqa: F401  # registers its check


class CryptoConfig(AppConfig):
    name = "writeorperish.crypto"
