from datetime import UTC, date

import pytest

from download.legs import Scope, newest, ranked
from download.query import parse
from tests.events_drain import drain
from tests.factories import entry
from writeorperish.ai.encoder import encoder
from writeorperish.ai.models import Embedding
from writeorperish.privacy.walls import rows_of

pytestmark = pytest.mark.django_db


def both_legs(scope):
    query = parse("tea", date(2026, 3, 1))
    words, meaning = ranked(scope, query, words=True, vector=encoder().encode(["tea"])[0])
    return [place.ref.id for place in (*words, *meaning, *newest(scope, query))]


def test_the_owner_meets_their_text_in_every_leg(alice):
    node = entry(alice, "tea", ai_usage="chat")
    drain()
    assert both_legs(Scope(alice, alice.pk, UTC)) == [node.pk] * 3


def test_no_leg_shows_anybody_a_text_they_may_not_see(cast):
    entry(cast.alice, "tea", ai_usage="chat")
    drain()
    for who in (cast.bob, cast.charlie, cast.mallory, cast.moderator):
        assert both_legs(Scope(who, cast.alice.pk, UTC)) == []


def test_every_leg_keeps_to_the_texts_named(alice):
    named = entry(alice, "tea", ai_usage="chat")
    entry(alice, "tea", ai_usage="chat")
    drain()
    assert both_legs(Scope(alice, alice.pk, UTC, frozenset({named.pk}))) == [named.pk] * 3
    assert both_legs(Scope(alice, alice.pk, UTC, frozenset())) == []
    with rows_of(alice.pk):
        assert Embedding.objects.filter(owner_id=alice.pk).count() == 2
