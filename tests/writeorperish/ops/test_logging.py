import io
import json
import logging
from enum import StrEnum

import pytest
import structlog
from django.conf import settings

from writeorperish.ops.logging import configure
from writeorperish.refs import new_id

WORDS = "alice's words"


class Colour(StrEnum):
    RED = "red"


def fail(error: Exception) -> None:
    raise error


@pytest.fixture
def lines(monkeypatch):
    """Everything logged, as parsed lines."""
    out = io.StringIO()
    monkeypatch.setattr("sys.stdout", out)
    handlers, level = logging.root.handlers, logging.root.level
    configure({"level": "INFO", "format": "json"})
    # A request of the test before leaves its id to whoever comes next in this thread.
    structlog.contextvars.clear_contextvars()
    yield lambda: [json.loads(line) for line in out.getvalue().splitlines()]
    logging.root.handlers = handlers
    logging.root.setLevel(level)
    structlog.contextvars.clear_contextvars()
    monkeypatch.undo()
    configure(settings.LOGGING)


def test_a_line_holds_the_event_and_its_ids_and_numbers(lines):
    ident = new_id()
    structlog.get_logger().info("match.made", match=ident, ms=3, how=Colour.RED)
    (line,) = lines()
    assert line["event"] == "match.made"
    assert line["level"] == "info"
    assert (line["match"], line["ms"], line["how"]) == (str(ident), 3, "red")


def test_words_under_a_name_nobody_allowed_are_dropped(lines):
    structlog.get_logger().info(
        "node.written", text=WORDS, title=WORDS, values=[WORDS], body={"a": WORDS}
    )
    (line,) = lines()
    assert line.keys() == {"event", "level", "time"}


def test_long_values_are_cut(lines):
    structlog.get_logger().info("x", route="r" * 500)
    assert len(lines()[0]["route"]) == 200


def test_an_exception_is_its_class_and_place_without_its_message(lines):
    try:
        fail(ValueError(WORDS))
    except ValueError:
        structlog.get_logger().exception("job.failed")
    (line,) = lines()
    assert line["error_class"] == "ValueError"
    assert "test_logging.py:" in line["frames"]
    assert WORDS not in json.dumps(line)


def test_another_librarys_line_keeps_its_template_and_loses_its_arguments(lines):
    logging.getLogger("django.request").warning("Not Found: %s", f"/search/?q={WORDS}")
    (line,) = lines()
    assert (line["event"], line["logger"], line["message"]) == (
        "log",
        "django.request",
        "Not Found: %s",
    )
    assert WORDS not in json.dumps(line)


def test_another_librarys_finished_sentence_is_named_by_its_place_only(lines):
    sentence = f"could not store {WORDS}"
    logging.getLogger("some.library").error(sentence)
    (line,) = lines()
    assert line["where"].startswith("test_logging:")
    assert "message" not in line


def test_another_librarys_exception_loses_its_message_too(lines):
    try:
        fail(KeyError(WORDS))
    except KeyError:
        logging.getLogger("some.library").exception("failed on %s", WORDS)
    (line,) = lines()
    assert line["error_class"] == "KeyError"
    assert WORDS not in json.dumps(line)


def test_every_line_of_a_request_carries_its_id(lines):
    structlog.contextvars.bind_contextvars(request_id="r-12345678")
    structlog.get_logger().info("ours")
    logging.getLogger("theirs").warning("theirs")
    assert [line["request_id"] for line in lines()] == ["r-12345678"] * 2


def test_lines_below_the_level_are_not_printed(lines):
    structlog.get_logger().debug("quiet")
    assert lines() == []


def test_a_probe_that_says_no_is_no_error_of_the_site(client, lines, settings):
    settings.HEALTH_CHECKS = {"ill": "tests.writeorperish.ops.test_health.ill"}
    assert client.get("/ready").status_code == 503
    assert client.get("/nothing-here").status_code == 404
    assert [line["level"] for line in lines() if line.get("logger") == "django.request"] == [
        "warning"
    ]
