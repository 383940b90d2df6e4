"""What must not be served to people: short secrets, one value for two keys, any host, plain HTTP."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as Warned

SHORTEST_SECRET: Final = 32
SECRETS: Final = ("SECRET_KEY", "MASTER_KEY", "JWT_KEYS", "AUDIT_SIGNING_KEY", "METRICS_TOKEN")


@register(Tags.security)
def check_settings(
    app_configs: Sequence[AppConfig] | None, **kwargs: object
) -> Iterable[CheckMessage]:
    """Errors for an installation with a database of its own and DEBUG off; nothing for one at home."""
    if settings.DEBUG or not settings.OWN_SERVERS:
        return []
    return [*_secrets(), *_reach(), *_keeping()]


def _secrets() -> Iterator[CheckMessage]:
    named = {value: name for name in SECRETS for value in _values(name)}
    for value, name in named.items():
        if len(value) < SHORTEST_SECRET:
            yield Error(
                f"{name} is shorter than {SHORTEST_SECRET} characters.",
                hint="Make one with: python -c 'import secrets; print(secrets.token_urlsafe(48))'",
                id="wop.E001",
            )
    if len(named) < sum(len(_values(name)) for name in SECRETS):
        yield Error(
            f"Two of {', '.join(SECRETS)} have the same value.",
            hint="Each key opens something else; give each a value of its own.",
            id="wop.E002",
        )


def _values(name: str) -> list[str]:
    value = getattr(settings, name)
    return [each for each in (value if isinstance(value, list) else [value]) if each]


def _reach() -> Iterator[CheckMessage]:
    if "*" in settings.ALLOWED_HOSTS:
        yield Error(
            "ALLOWED_HOSTS admits any host.",
            hint="Name the hosts, for example ALLOWED_HOSTS=journal.example.org.",
            id="wop.E003",
        )
    if not settings.BASE_URL.startswith("https://"):
        yield Error(
            "BASE_URL is not https.",
            hint="Set it to the address people use, for example BASE_URL=https://journal.example.org.",
            id="wop.E004",
        )


def _keeping() -> Iterator[CheckMessage]:
    if not settings.AUDIT_ANCHOR_TARGET:
        yield Warned(
            "AUDIT_ANCHOR_TARGET is not set: the audit chain is anchored beside the data it proves.",
            id="wop.W001",
        )
