"""The words of privacy: who may see, what AI may do, and what a text may be read for."""

from enum import StrEnum

from django.db import models
from django.utils.translation import gettext_lazy as _


class PrivacyLevel(models.TextChoices):
    PRIVATE = "private", _("Private")
    CIRCLES = "circles", _("Circles")
    PUBLIC = "public", _("Public")


class AIUsage(models.TextChoices):
    NONE = "none", _("AI: off")
    CHAT = "chat", _("AI: replies")
    TRAIN = "train", _("AI: replies + training")


class Purpose(StrEnum):
    """Why a text is read. Closed: a new purpose is a decision about people's diaries."""

    INDEX = "index"
    PROTECT = "protect"
    COMPOSE = "compose"
    EMBED = "embed"
    RECOMMEND = "recommend"
    NOTE = "note"
    PORTRAIT = "portrait"
    REPLY = "reply"
    ASK = "ask"
    SHARE = "share"
    INTENTIONS = "intentions"
    TRANSCRIBE = "transcribe"
    SPEAK = "speak"
    SCREEN = "screen"
    TRAIN = "train"
    CASE = "case"
    RULE_TEST = "rule_test"


# Narrowest first: the order decides what "wider" means.
WIDTH = {PrivacyLevel.PRIVATE: 0, PrivacyLevel.CIRCLES: 1, PrivacyLevel.PUBLIC: 2}
