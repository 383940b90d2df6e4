import asyncio

import pytest
from django.test import AsyncClient

from accounts.actions.tokens import begin_family
from journal.actions.recordings import (
    Segment,
    begin_recording,
    discard_recording,
    finish_recording,
    put_chunk,
)
from journal.actions.trash import trash_node
from tests.doubles.provider import provider
from tests.events_drain import drain
from tests.factories import entry, public
from tests.sounds import in_pieces, sound
from writeorperish.ai import gateway
from writeorperish.audit.models import Entry
from writeorperish.crypto import storage
from writeorperish.ops.breaker import breaker
from writeorperish.privacy import consent
from writeorperish.refs import new_id

pytestmark = pytest.mark.django_db


def spoken(person, *, into="entry", **more):
    recording, _new = begin_recording(person, **more)
    for n, data in enumerate(in_pieces(sound(2.0), 2)):
        put_chunk(person, recording, 0, n, data, media_type="audio/webm")
    finish_recording(person, recording, [Segment(0, 2, 2_000)], into=into)
    drain()
    recording.refresh_from_db()
    return recording


def body(answer):
    return b"".join(answer.streaming_content)


def test_sound_comes_whole_and_in_stretches_and_no_cache_keeps_it(alice, signed_in):
    recording = spoken(alice)
    client = signed_in(alice)
    whole = body(client.get(f"/journal/{recording.node_id}/audio/"))
    assert whole == b"".join(storage.pieces(recording.blob, 0, recording.blob.bytes))
    address = f"/media/{recording.blob_id}/"
    for header, status, start, stop in (
        ("bytes=0-", 206, 0, len(whole)),
        ("bytes=100-199", 206, 100, 200),
        ("bytes=-50", 206, len(whole) - 50, len(whole)),
        ("bytes=2-1", 200, 0, len(whole)),
        ("bytes=0-1,3-4", 200, 0, len(whole)),
        ("lines=1-2", 200, 0, len(whole)),
    ):
        answer = client.get(address, headers={"Range": header})
        assert (answer.status_code, body(answer)) == (status, whole[start:stop])
        assert answer.headers["Cache-Control"] == "private, no-store, no-transform"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert client.get(address, headers={"Range": f"bytes={len(whole)}-"}).status_code == 416


def test_whoever_sees_the_entry_hears_it_and_its_person_can_see_that(alice, bob, cast, signed_in):
    root = entry(alice, "Listen", circles=(cast.circle,))
    recording = spoken(alice, parent=root.pk, privacy_level="circles")
    assert recording.node.privacy_level == "circles"
    for address in (f"/media/{recording.blob_id}/", f"/journal/{recording.node_id}/audio/"):
        assert signed_in(bob).get(address).status_code == 200
        for stranger in (cast.charlie, cast.mallory, cast.moderator):
            assert signed_in(stranger).get(address).status_code == 404
    assert Entry.objects.filter(
        action="seen", object_id=recording.node_id, actor_id=str(bob.pk)
    ).exists()


def test_what_stands_in_no_entry_only_its_person_hears(alice, bob, client, signed_in):
    recording = spoken(alice, into="draft")
    address = f"/media/{recording.blob_id}/"
    assert signed_in(alice).get(address).status_code == 200
    assert signed_in(bob).get(address).status_code == 404
    assert client.get(address).headers["Location"] == f"/accounts/login/?next={address}"
    discard_recording(alice, recording)
    assert signed_in(alice).get(address).status_code == 404


def test_a_visitor_hears_what_a_public_entry_says(alice, client):
    recording = spoken(alice)
    public(recording.node)
    assert client.get(f"/journal/{recording.node_id}/audio/").status_code == 200


def test_a_program_hears_with_its_token(alice, client):
    recording = spoken(alice)
    token = begin_family(alice).access
    address = f"/media/{recording.blob_id}/"
    headers = {"Authorization": f"Bearer {token}"}
    assert client.get(address, headers=headers).status_code == 200
    assert client.get(address, headers={"Authorization": "Bearer x"}).status_code == 401


def test_with_no_room_left_nothing_is_offered_that_would_be_refused(alice, signed_in, settings):
    client = signed_in(alice)
    page = client.get("/voice/").content.decode()
    assert ('id="spoken-form"' in page, "data-full" in page) == (True, False)
    settings.SOUND_CEILING_BYTES = 0
    page = client.get("/voice/").content.decode()
    assert "hold as much as they may together" in page
    assert ('id="spoken-form"' in page, "data-full" in page) == (False, True)


def test_a_file_that_is_gone_is_said_by_its_address_and_leaves_the_page_alone(alice, signed_in):
    recording = spoken(alice)
    storage.objects().delete(storage.object_name(recording.blob.storage_key))
    client = signed_in(alice)
    assert client.get(f"/media/{recording.blob_id}/").status_code == 422
    page = client.get(f"/journal/{recording.node_id}/")
    assert page.status_code == 200
    assert b"<audio" in page.content


def test_what_is_shorter_than_told_can_be_used_as_it_is(alice, signed_in):
    recording, _new = begin_recording(alice)
    put_chunk(alice, recording, 0, 0, sound(2.0), media_type="audio/webm")
    finish_recording(alice, recording, [Segment(0, 1, 60_000)])
    drain()
    client, address = signed_in(alice), f"/voice/{recording.pk}/"
    assert "Use what arrived" in client.get(address).content.decode()
    client.post(f"{address}finishing/")
    drain()
    recording.refresh_from_db()
    assert recording.state == "ready"
    assert recording.blob


def test_taken_back_from_the_trash_it_is_put_together_after_all(alice, signed_in):
    recording, _new = begin_recording(alice)
    put_chunk(alice, recording, 0, 0, sound(2.0), media_type="audio/webm")
    finish_recording(alice, recording, [Segment(0, 1, 2_000)])
    discard_recording(alice, recording)
    drain()
    recording.refresh_from_db()
    assert (recording.state, recording.blob) == ("assembling", None)
    signed_in(alice).post(f"/voice/{recording.pk}/restoring/")
    drain()
    recording.refresh_from_db()
    assert recording.state == "ready"


def test_an_old_link_and_a_climbing_one_are_missing(alice, client, signed_in):
    recording = spoken(alice)
    old = f"/media/{recording.blob_id}/"
    trash_node(alice, recording.node)
    mine = signed_in(alice)
    for address in (
        *(old, f"/journal/{recording.node_id}/audio/", f"/media/{new_id()}/"),
        *("/media/../../etc/passwd", "/media/%2e%2e/%2e%2e/etc/passwd", "/media/..%2f..%2fetc/"),
    ):
        assert mine.get(address).status_code == 404, address
    assert client.get(f"/journal/{recording.node_id}/audio/").status_code == 302
    with_token = {"Authorization": f"Bearer {begin_family(alice).access}"}
    assert client.get(old, headers=with_token).status_code == 404


@pytest.fixture
def double(settings):
    with provider() as double:
        settings.OPENAI_API_KEY, settings.OPENAI_BASE_URL = "a-key", double.base_url
        breaker("ai:openai:transcribe", counts=gateway.asking.is_away).close()
        yield double


def test_the_page_asks_once_and_the_same_word_starts_it(alice, signed_in, double):
    recording = spoken(alice, into="draft")
    client = signed_in(alice)
    page = client.get(f"/voice/{recording.pk}/").content.decode()
    assert "OpenAI (United States)" in page
    version = consent.terms()["transcribe"].version
    words = {"agreed": version, "ai_usage": "chat"}
    answer = client.post(f"/voice/{recording.pk}/transcript/", words)
    assert answer.headers["Location"] == f"/voice/{recording.pk}/"
    drain()
    text = recording.parts.get().text
    assert text in client.get(f"/voice/{recording.pk}/").content.decode()
    assert consent.allows(alice.pk, "transcribe")


@pytest.mark.django_db(transaction=True)
def test_its_writing_down_is_followed_live(double):
    from tests.factories import person

    gina = person("gina")
    version = consent.terms()["transcribe"].version
    consent.decide(gina, "transcribe", granted=True, text_version=version)
    recording = spoken(gina, into="draft", ai_usage="chat")

    async def follow(who, ident):
        client = AsyncClient()
        await client.aforce_login(who)
        answer = await client.get(f"/live/recordings/{ident}/")
        if answer.status_code != 200:
            return answer.status_code, ""
        return 200, b"".join([each async for each in answer.streaming_content]).decode()

    status, said = asyncio.run(follow(gina, recording.pk))
    assert status == 200
    assert "event: done" in said
    assert asyncio.run(follow(person("hugo"), recording.pk))[0] == 404
