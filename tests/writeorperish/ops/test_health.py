import threading

import pytest
from django.test import Client

from writeorperish.ops import health

ASKED: list[str] = []
NEVER = threading.Event()


def well() -> bool:
    ASKED.append("well")
    return True


def ill() -> bool:
    return False


def broken() -> bool:
    raise RuntimeError("alice's words")


def stuck() -> bool:
    return NEVER.wait(5)


def here(*names: str) -> dict[str, str]:
    return {name: f"{__name__}.{name}" for name in names}


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch):
    monkeypatch.setattr(health, "latest", health.Latest({}))
    ASKED.clear()


def test_health_asks_no_database(client: Client):
    # Without the fixture `db` a query raises here.
    client.cookies["session"] = "x" * 32
    answer = client.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_ready_is_200_when_every_probe_says_yes(client: Client, settings):
    settings.HEALTH_CHECKS = here("well")
    answer = client.get("/ready")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "checks": {"well": "ok"}})


@pytest.mark.parametrize("probe", ["ill", "broken", "stuck"])
def test_a_probe_that_says_no_breaks_or_hangs_is_a_503_that_names_it(
    client: Client, settings, probe
):
    settings.HEALTH_CHECKS = here("well", probe)
    answer = client.get("/ready")
    assert answer.status_code == 503
    assert answer.json() == {"status": "fail", "checks": {"well": "ok", probe: "fail"}}
    assert "words" not in answer.text


def test_probes_are_asked_at_most_every_two_seconds(client: Client, settings):
    settings.HEALTH_CHECKS = here("well")
    for _time in range(5):
        client.get("/ready")
    assert ASKED == ["well"]


def test_the_deep_look_needs_the_token(client: Client, settings):
    settings.HEALTH_CHECKS, settings.DEEP_HEALTH_CHECKS = here("well"), here("ill")
    settings.METRICS_TOKEN = "t" * 40
    wrong = client.get("/ready?deep", headers={"Authorization": "Bearer nope"})
    right = client.get("/ready?deep", headers={"Authorization": f"Bearer {'t' * 40}"})
    assert (wrong.status_code, right.status_code) == (200, 503)
    assert right.json()["checks"] == {"well": "ok", "ill": "fail"}


def test_without_a_token_set_nobody_looks_deep(client: Client, settings):
    settings.HEALTH_CHECKS, settings.DEEP_HEALTH_CHECKS = here("well"), here("ill")
    settings.METRICS_TOKEN = ""
    assert client.get("/ready?deep", headers={"Authorization": "Bearer "}).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_the_probes_of_this_room_say_yes_on_a_running_installation():
    names = ("database", "migrations", "redis", "disk")
    answers = health.ask({name: f"writeorperish.ops.health.{name}" for name in names})
    assert answers == dict.fromkeys(names, True)


def test_a_server_that_is_away_is_a_no(settings):
    settings.REDIS = type(settings.REDIS)("", "unix:///nowhere/redis.sock?db=1", "")
    assert health.ask({"redis": "writeorperish.ops.health.redis"}) == {"redis": False}
