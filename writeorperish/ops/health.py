"""Whether this process is up, and whether it can do its work. The probes are dotted names in settings."""

import shutil
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Final

import redis as redis_client
import structlog
from django.conf import settings
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.utils.crypto import constant_time_compare
from django.utils.module_loading import import_string
from django.views.decorators.http import require_safe

log = structlog.get_logger()

BUDGET_SECONDS: Final = 2.0
CACHED_SECONDS: Final = 2.0
LEAST_DISK_FREE: Final = 0.05
Probe = Callable[[], bool]


@require_safe
def health(_request: HttpRequest) -> JsonResponse:
    """Says that the process answers, and asks nobody: a database that is down must not take the site along."""
    return JsonResponse({"status": "ok"})


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """200 when every probe says yes within 2 s, else 503; names and ok or fail only, at most 2 s old.

    `?deep` with METRICS_TOKEN as bearer asks the probes of DEEP_HEALTH_CHECKS too, never cached.
    """
    checks = latest.checks()
    if "deep" in request.GET and _may_look_deep(request):
        checks |= ask(settings.DEEP_HEALTH_CHECKS)
    well = all(checks.values())
    words = {name: "ok" if answer else "fail" for name, answer in checks.items()}
    body = {"status": "ok" if well else "fail", "checks": words}
    return JsonResponse(body, status=200 if well else 503)


def ask(probes: Mapping[str, str]) -> dict[str, bool]:
    """Each probe's answer, side by side; one that raises or is too slow has said no. At most 2 s."""
    asked = {name: pool.submit(_answer_of, import_string(path)) for name, path in probes.items()}
    wait(asked.values(), timeout=BUDGET_SECONDS)
    return {name: _said_yes(name, future) for name, future in asked.items()}


def _answer_of(probe: Probe) -> bool:
    try:
        return probe()
    finally:
        connections.close_all()


def _said_yes(name: str, future: Future[bool]) -> bool:
    if not future.done():
        future.cancel()
        log.warning("health.slow", probe=name)
        return False
    error = future.exception()
    if error is not None:
        log.warning("health.failed", probe=name, error_class=type(error).__name__)
        return False
    return future.result()


def _may_look_deep(request: HttpRequest) -> bool:
    given = request.headers.get("Authorization", "")
    expected = f"Bearer {settings.METRICS_TOKEN}"
    return bool(settings.METRICS_TOKEN) and constant_time_compare(given, expected)


@dataclass
class Latest:
    """The answers of the last asking, asked anew when they are older than 2 s."""

    answers: dict[str, bool]
    asked_at: float = float("-inf")

    def checks(self) -> dict[str, bool]:
        if time.monotonic() - self.asked_at > CACHED_SECONDS:
            self.answers = ask(settings.HEALTH_CHECKS)
            self.asked_at = time.monotonic()
        return dict(self.answers)


pool = ThreadPoolExecutor(max_workers=12, thread_name_prefix="health")
latest = Latest({})


def database() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return bool(cursor.fetchone() == (1,))


def migrations() -> bool:
    """Whether the schema has every migration this code knows."""
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


def redis() -> bool:
    with redis_client.Redis.from_url(settings.REDIS.cache, socket_timeout=BUDGET_SECONDS) as client:
        return bool(client.ping())


def disk() -> bool:
    """Whether more than 5 % of the data folder's disk are free."""
    usage = shutil.disk_usage(settings.DATA_DIR)
    return usage.free / usage.total > LEAST_DISK_FREE
