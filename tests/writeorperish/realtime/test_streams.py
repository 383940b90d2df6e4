import asyncio
from itertools import pairwise
from uuid import uuid4

import pytest
import redis
from django.conf import settings as site

from writeorperish.ops import embedded
from writeorperish.realtime.streams import BEGINNING, Mark, append, follow, name_of, stands

pytestmark = pytest.mark.django_db(transaction=True)


def followed(stream, owner, after=BEGINNING):
    """What is on the stream after a mark, until nothing more comes."""

    async def all_of_it():
        told = []
        async for batch in follow(stream, owner, after=after, wait_seconds=0.05):
            if not batch:
                return told
            told += batch
        return told

    return asyncio.run(all_of_it())


@pytest.fixture
def stream(alice):
    stream = uuid4()
    for words in ("one ", "two ", "three"):
        append(stream, alice.pk, 1, "delta", {"text": words})
    return stream


def test_what_is_told_is_heard_in_its_order_and_from_any_place(alice, stream):
    told = followed(stream, alice.pk)
    assert [each.data["text"] for each in told] == ["one ", "two ", "three"]
    assert all(one.mark < other.mark for one, other in pairwise(told))
    for count, each in enumerate(told, start=1):
        rest = followed(stream, alice.pk, each.mark)
        assert [again.data["text"] for again in rest] == ["one ", "two ", "three"][count:]


def test_a_later_attempt_comes_after_everything_of_an_earlier_one(alice, stream):
    last = followed(stream, alice.pk)[-1].mark
    mark = append(stream, alice.pk, 2, "restart", {})
    assert mark > last
    assert mark.attempt == 2


def test_redis_holds_no_word_of_it(alice, stream):
    with redis.Redis.from_url(site.REDIS.cache) as line:
        held = b"".join(
            value for _, fields in line.xrange(name_of(stream)) for value in fields.values()
        )
    assert held
    assert b"three" not in held


def test_another_person_opens_nothing(alice, charlie, stream):
    assert followed(stream, charlie.pk) == []


def test_without_redis_nothing_is_told_and_nothing_fails(alice, settings, tmp_path):
    settings.REDIS = embedded.redis_urls(tmp_path)
    stream = uuid4()
    assert append(stream, alice.pk, 1, "delta", {"text": "words"}) is None
    assert followed(stream, alice.pk) == []
    assert asyncio.run(stands(stream)) is False


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("1.2", Mark(1, 2)),
        ("3.0", Mark(3, 0)),
        *((bad, None) for bad in ("", "1", "1-2", "-1.2", "a.b", "1.2.3", "1" * 30 + ".2")),
    ],
)
def test_a_place_is_read_or_nothing(text, mark):
    assert Mark.parse(text) == mark
