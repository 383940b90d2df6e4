import pytest
import stamina

from journal.actions.nodes import change_settings, edit_node
from journal.actions.speech import (
    NothingToSay,
    UnknownVoice,
    ask_for_speech,
    chunks_of,
    speech_of,
)
from journal.actions.trash import purge, trash_node
from journal.models.nodes import Node
from journal.models.speech import Speech
from tests.doubles.provider import provider
from tests.events_drain import drain
from tests.factories import entry
from writeorperish.ai import gateway
from writeorperish.ai.models import Call, Read
from writeorperish.ai.parts import CapabilityOff, NotAllowed
from writeorperish.audit.models import Entry
from writeorperish.crypto import storage
from writeorperish.crypto.models import Blob
from writeorperish.ops.breaker import breaker
from writeorperish.privacy import consent

pytestmark = pytest.mark.django_db

TEXT = "# Morning\n\nThe kettle sang.\n\n## Evening\n\nIt fell silent."


@pytest.fixture(scope="module")
def server():
    with provider() as double:
        yield double


@pytest.fixture
def double(server, settings):
    server.requests.clear()
    server.orders.clear()
    settings.COMPAT_BASE_URL, settings.COMPAT_MODELS = server.base_url, {"speak": "own-voice"}
    breaker("ai:compat:speak", counts=gateway.asking.is_away).close()
    stamina.set_testing(True, attempts=2)
    yield server
    stamina.set_testing(False)


def agree(person):
    version = consent.terms()["speak"].version
    consent.decide(person, "speak", granted=True, text_version=version)


def fresh(row):
    return type(row).objects.get(pk=row.pk)


def test_a_chapter_is_a_sound_of_its_own_with_its_reading_written_down(alice, double):
    agree(alice)
    node = entry(alice, TEXT, ai_usage="chat")
    speech = ask_for_speech(alice, node)
    assert ask_for_speech(alice, node) == speech
    drain()
    chunks = list(chunks_of(speech))
    assert [(each.index, each.section, each.title) for each in chunks] == [
        (0, 0, "Morning"),
        (1, 1, "Evening"),
    ]
    assert fresh(speech).state == "ready"
    said = [request.body["input"] for request in double.requests]
    assert said == ["Morning. The kettle sang.", "Evening. It fell silent."]
    assert {request.body["voice"] for request in double.requests} == {"alloy"}
    assert all(each.duration_ms for each in chunks)
    assert Call.objects.filter(task="speak", provider="compat").count() == 2
    assert set(Read.objects.filter(purpose="speak").values_list("ref_id", flat=True)) == {node.pk}
    assert Entry.objects.filter(action="read", object_id=node.pk, purpose="speak").count() == 1


def test_asked_again_after_it_broke_off_it_goes_on_where_it_was(alice, double):
    agree(alice)
    node = entry(alice, TEXT, ai_usage="chat")
    speech = ask_for_speech(alice, node)
    heard = gateway.sounds.say

    def once(*args, **more):
        if double.requests:
            double.next("server", times=2)
        return heard(*args, **more)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(gateway.sounds, "say", once)
        drain()
    assert (fresh(speech).state, fresh(speech).error) == ("failed", "ai_unavailable")
    assert speech.chunks.count() == 1
    double.requests.clear()
    assert ask_for_speech(alice, node).state == "speaking"
    drain()
    assert fresh(speech).state == "ready"
    assert len(double.requests) == 1


def test_an_edit_leaves_the_sound_and_a_new_one_is_made_beside_it(alice, double):
    agree(alice)
    node = entry(alice, TEXT, ai_usage="chat")
    first = ask_for_speech(alice, node)
    drain()
    edit_node(alice, node, base_rev=node.rev, text="Only this.")
    assert speech_of(node) == first
    second = ask_for_speech(alice, fresh(node))
    drain()
    assert second != first
    assert second.chunks.count() == 1
    assert first.chunks.count() == 2


def test_what_is_closed_not_agreed_to_or_wordless_is_sent_nowhere(alice, double):
    node = entry(alice, TEXT, ai_usage="chat")
    with pytest.raises(NotAllowed):
        ask_for_speech(alice, node)
    agree(alice)
    with pytest.raises(NotAllowed):
        ask_for_speech(alice, entry(alice, TEXT))
    with pytest.raises(NothingToSay):
        ask_for_speech(alice, entry(alice, "```\ncode\n```", ai_usage="chat"))
    with pytest.raises(UnknownVoice):
        ask_for_speech(alice, node, voice="mine")
    ask_for_speech(alice, node)
    change_settings(alice, node, ai_usage="none")
    drain()
    assert double.requests == []
    assert Speech.objects.get().state == "failed"


def test_without_a_service_the_page_offers_the_device_s_voice(alice, signed_in):
    node = entry(alice, TEXT, ai_usage="chat")
    with pytest.raises(CapabilityOff):
        ask_for_speech(alice, node)
    page = signed_in(alice).get(f"/journal/{node.pk}/reading-aloud/").content.decode()
    assert "<wop-speaker" in page
    assert "Evening. It fell silent." in page


def test_the_page_agrees_plays_and_deletes(alice, bob, signed_in, double):
    node = entry(alice, TEXT, ai_usage="chat")
    client, address = signed_in(alice), f"/journal/{node.pk}/reading-aloud/"
    client.post(address, {"agreed": consent.terms()["speak"].version, "voice": "nova"})
    drain()
    chunk = chunks_of(speech_of(node))[0]
    sound = f"/media/{chunk.blob.pk}/"
    assert sound in client.get(address).content.decode()
    assert client.get(sound).headers["Content-Type"] == "audio/mpeg"
    assert signed_in(bob).get(sound).status_code == 404
    client.post(address, {"delete": "yes"})
    assert not Speech.objects.exists()
    assert client.get(sound).status_code == 404


def test_it_goes_with_its_entry(alice, double):
    agree(alice)
    node = entry(alice, TEXT, ai_usage="chat")
    ask_for_speech(alice, node)
    drain()
    trash_node(alice, node)
    Node.objects.update(purge_after="2020-01-01T00:00:00Z")
    purge()
    storage.sweep()
    assert not Speech.objects.exists()
    assert not Blob.objects.exists()
