"""Speaking in the browser: a microphone that beeps, and everything that may come between it and an entry."""

import re

import pytest
from playwright.sync_api import Page, expect

from journal.actions.recordings import Segment, begin_recording, finish_recording, put_chunk
from journal.models.nodes import Node
from journal.models.recordings import Recording
from tests.e2e.conftest import House
from tests.e2e.pretend import until
from tests.e2e.sound import quiet
from tests.e2e.test_flows import settled
from tests.events_drain import drain
from tests.sounds import sound, tone
from writeorperish.crypto import storage

FIVE_SECONDS = 8_000


SEEK = """() => new Promise((resolve) => {
  const audio = document.querySelector("audio");
  audio.addEventListener("seeked", () => resolve(audio.currentTime), { once: true });
  audio.currentTime = 1.5;
})"""


def recorded() -> int:
    """How many chunks of the newest recording the server has."""
    found = Recording.objects.order_by("-created_at").first()
    return found.chunks.count() if found else 0


# A phone whose browser records MP4 alone; `calls` are its questions for the microphone, the last one's track is kept.
PHONE = """
  const able = MediaRecorder.isTypeSupported.bind(MediaRecorder);
  MediaRecorder.isTypeSupported = (kind) => kind.startsWith("audio/mp4") && able(kind);
  const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  window.calls = 0;
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    window.calls += 1;
    const stream = await ask(wanted);
    window.microphone = stream.getAudioTracks()[0];
    return stream;
  };
"""
REFUSING = """
  navigator.mediaDevices.getUserMedia = async () => {
    throw new DOMException("", window.refusal);
  };
"""


def speak(page: Page) -> None:
    page.goto("/voice/")
    page.get_by_role("button", name="Record").click()
    expect(page.get_by_role("button", name="Stop and save")).to_be_visible()


def heard(page: Page, seconds: int) -> None:
    expect(page.locator("[data-clock]")).to_have_text(
        f"0:{seconds:02}", timeout=FIVE_SECONDS + 1_000 * seconds
    )


def test_spoken_paused_gone_on_stopped_and_made_an_entry(house: House, opened):
    tilda, context = settled(house, opened, "tilda")
    page = context.new_page()
    with quiet(page, house.origin):
        speak(page)
        heard(page, 2)
        page.get_by_role("button", name="Pause").click()
        expect(page.get_by_role("status").filter(has_text="Paused")).to_be_visible()
        # What was said so far is with the server already.
        until(lambda: recorded() >= 1)
        page.get_by_role("button", name="Continue").click()
        heard(page, 3)
        page.get_by_role("button", name="Stop and save").click()
        page.wait_for_url(re.compile(r"/voice/[0-9a-f-]{36}/$"))
        drain()
        expect(page.get_by_role("link", name="Go on in the draft")).to_be_visible()
        expect(page.locator("audio")).to_have_js_property("error", None)
        page.wait_for_function("() => document.querySelector('audio').duration > 2")
        page.get_by_role("link", name="Go on in the draft").click()
        expect(page.locator("wop-player audio")).to_be_visible()
        page.get_by_role("button", name="Save entry").click()
        page.wait_for_url(re.compile(r"/journal/[0-9a-f-]{36}/$"))
        page.get_by_title("Speed").click()
        assert page.evaluate("() => document.querySelector('audio').playbackRate") == 1.25
        assert page.evaluate(SEEK) == 1.5
    (node,) = Node.objects.filter(owner=tilda)
    recording = node.recordings.get()
    assert 2_500 < recording.duration_ms < 6_000


def test_a_call_while_a_phone_records_mp4_pauses_keeps_and_says_it(house: House, opened):
    zita, context = settled(house, opened, "zita")
    page = context.new_page()
    page.add_init_script(PHONE)
    with quiet(page, house.origin):
        speak(page)
        heard(page, 2)
        page.evaluate("window.microphone.dispatchEvent(new Event('mute'))")
        expect(page.locator(".recorder-state")).to_contain_text("Everything so far is kept")
        until(lambda: recorded() >= 1)
        # The microphone is let go, so nothing of the call is recorded, and it does not go on by itself.
        assert page.evaluate("window.microphone.readyState") == "ended"
        assert page.evaluate("window.calls") == 1
        page.get_by_role("button", name="Continue").click()
        heard(page, 3)
        assert page.evaluate("window.calls") == 2
        page.get_by_role("button", name="Stop and save").click()
        page.wait_for_url(re.compile(r"/voice/[0-9a-f-]{36}/$"))
        recording = Recording.objects.get(owner=zita)
        assert set(recording.chunks.filter(n=0).values_list("media_type", flat=True)) == {"mp4"}
        drain()
        expect(page.get_by_role("link", name="Go on in the draft")).to_be_visible()
        page.wait_for_function("() => document.querySelector('audio').duration > 2")
    recording.refresh_from_db()
    assert [each["index"] for each in recording.segments] == [0, 1]
    assert recording.state == "ready"
    told = sum(each["duration_ms"] for each in recording.segments)
    assert abs(recording.duration_ms - told) < 1_000


@pytest.mark.parametrize(
    ("refusal", "said"),
    [("NotAllowedError", "may not use the microphone"), ("NotFoundError", "No microphone")],
)
def test_a_recording_that_cannot_begin_says_why(house: House, opened, refusal, said):
    context = opened("empty")
    page = context.new_page()
    page.add_init_script(f"window.refusal = '{refusal}';{REFUSING}")
    before = Recording.objects.count()
    page.goto("/voice/")
    page.get_by_role("button", name="Record").click()
    expect(page.locator(".recorder-state")).to_contain_text(said)
    expect(page.get_by_role("button", name="Record")).to_be_visible()
    assert Recording.objects.count() == before


def test_a_killed_tab_loses_five_seconds_at_most_and_is_gone_on_with_even_with_no_room_left(
    house: House, opened, settings
):
    ulla, context = settled(house, opened, "ulla")
    page = context.new_page()
    with quiet(page, house.origin):
        speak(page)
        heard(page, 6)
        until(lambda: recorded() >= 1)
        # Nothing of the page is told that it goes.
        page.close(run_before_unload=False)
    standing = Recording.objects.get(owner=ulla)
    assert standing.state == "open"
    settings.SOUND_CEILING_BYTES = 0
    again = context.new_page()
    with quiet(again, house.origin):
        again.goto("/voice/")
        expect(again.get_by_text("no new one can begin")).to_be_visible()
        expect(again.get_by_role("button", name="Send it now")).to_be_visible()
        expect(again.get_by_role("button", name="Record")).to_be_hidden()
        again.get_by_role("button", name="Send it now").click()
        again.wait_for_url(f"**/voice/{standing.pk}/")
        drain()
        expect(again.get_by_role("link", name="Go on in the draft")).to_be_visible()
    standing.refresh_from_db()
    assert standing.holes == 0
    assert standing.duration_ms > 4_000


def test_without_a_connection_it_is_kept_here_and_sent_when_it_is_back(house: House, opened):
    viktor, context = settled(house, opened, "viktor")
    page = context.new_page()
    speak(page)
    heard(page, 1)
    context.set_offline(True)
    page.get_by_role("button", name="Stop and save").click()
    expect(page.locator(".recorder-state")).to_contain_text("kept on this device")
    assert recorded() == 0
    context.set_offline(False)
    page.wait_for_url(re.compile(r"/voice/[0-9a-f-]{36}/$"))
    assert Recording.objects.get(owner=viktor).state == "assembling"


def test_a_large_file_goes_in_parts_and_on_where_it_broke_off(house: House, opened, tmp_path):
    file = tmp_path / "long.wav"
    # As large as ten minutes of speech would be, and as quickly coded as one.
    file.write_bytes(tone(50.0, rate=192_000))
    yann, context = settled(house, opened, "yann")
    page = context.new_page()
    broken: list[str] = []

    def refuse_the_second(route):
        if route.request.url.endswith("/chunks/1/") and not broken:
            broken.append(route.request.url)
            route.abort()
        else:
            route.continue_()

    page.route("**/chunks/*/", refuse_the_second)
    page.goto("/voice/")
    page.wait_for_function("() => customElements.get('wop-upload')")
    page.get_by_label("A sound file").set_input_files(file)
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("No connection. It goes on by itself")).to_be_visible()
    page.wait_for_url(re.compile(r"/voice/[0-9a-f-]{36}/$"))
    assert broken
    recording = Recording.objects.get(owner=yann)
    assert [chunk.n for chunk in recording.chunks.order_by("n")] == [0, 1, 2]
    drain()
    recording.refresh_from_db()
    assert (recording.state, recording.duration_ms) == ("ready", 50_000)
    # Coded for speech: a tenth of what was sent.
    assert recording.blob.bytes < file.stat().st_size / 5


def test_a_file_is_sent_instead_and_without_scripts(house: House, opened, tmp_path):
    file = tmp_path / "memo.webm"
    file.write_bytes(sound(2.0))
    wanda, context = settled(house, opened, "wanda", scripts=False)
    page = context.new_page()
    page.goto("/voice/")
    expect(page.get_by_role("button", name="Record")).to_be_hidden()
    page.get_by_label("A sound file").set_input_files(file)
    page.get_by_role("button", name="Send").click()
    drain()
    page.get_by_role("link", name="Reload this page").click()
    expect(page.get_by_text("No service that writes down speech")).to_be_visible()
    page.get_by_role("link", name="Go on in the draft").click()
    page.get_by_role("button", name="Save entry").click()
    expect(page.locator("audio")).to_be_visible()
    assert Node.objects.filter(owner=wanda).count() == 1


def test_sound_that_does_not_come_is_said_where_it_would_play(house: House, opened):
    viola, context = settled(house, opened, "viola")
    recording = begin_recording(viola)[0]
    put_chunk(viola, recording, 0, 0, sound(2.0), media_type="audio/webm")
    finish_recording(viola, recording, [Segment(0, 1, 2_000)])
    drain()
    page = context.new_page()
    page.goto(f"/voice/{recording.pk}/")
    page.wait_for_function("() => document.querySelector('audio').duration > 1")
    words = page.get_by_text("The sound can’t be played right now")
    expect(words).to_be_hidden()
    recording.refresh_from_db()
    storage.objects().delete(storage.object_name(recording.blob.storage_key))
    page.reload()
    expect(words).to_be_visible()


@pytest.mark.parametrize(
    ("name", "said"), [("memo.webm", "This is no sound"), (None, "Choose a sound file")]
)
def test_what_is_no_sound_is_said_beside_the_field(house: House, opened, tmp_path, name, said):
    context = opened("empty", scripts=False)
    page = context.new_page()
    page.goto("/voice/")
    if name:
        (tmp_path / name).write_text("hello")
        page.get_by_label("A sound file").set_input_files(tmp_path / name)
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text(said).first).to_be_visible()
