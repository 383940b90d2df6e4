"""Recordings through the API: whose they are, and what is refused before a file is touched."""

import pytest
from django.conf import settings

from journal.actions.recordings import begin_recording, put_chunk
from journal.models.recordings import Recording
from tests.sounds import in_pieces, sound
from writeorperish.refs import new_id

pytestmark = pytest.mark.django_db
RECORDINGS = "/api/v1/journal/recordings/"
UPLOADS = "/api/v1/journal/uploads/"
JOBS = "/api/v1/me/jobs/"
SHAPED = ["..", "%2e%2e", "..%2f..%2fetc%2fpasswd", "%2fetc%2fpasswd", "a%00b", "0" * 36]


def files() -> set[str]:
    return {str(path) for path in settings.DATA_DIR.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("sent", "refusal"),
    [
        ({"privacy_level": "Public"}, "unknown_level"),
        ({"privacy_level": "anonymous"}, "unknown_level"),
        ({"privacy_level": None}, "unknown_level"),
        ({"ai_usage": "Chat"}, "unknown_ai_usage"),
        ({"ai_usage": ""}, "unknown_ai_usage"),
    ],
)
def test_an_unknown_level_is_refused(api, alice, sent, refusal):
    answer = api(alice).post(RECORDINGS, {"id": str(new_id()), "zone": "UTC", **sent})
    assert (answer.status_code, answer.json()["code"]) == (422, refusal)
    assert not Recording.objects.exists()


def everything(client, place: str) -> list[tuple[int, str]]:
    """Status and code of each thing that can be done to this recording, upload or job."""
    raw = {"content_type": "application/octet-stream"}
    finish = {"segments": [{"index": 0, "chunks": 1, "duration_ms": 1}]}
    answers = [
        client.get(f"{RECORDINGS}{place}/"),
        client.put(f"{RECORDINGS}{place}/segments/0/chunks/0/", sound(1.0), **raw),
        client.post(f"{RECORDINGS}{place}/finish/", finish),
        client.post(f"{RECORDINGS}{place}/transcript/", {}),
        client.delete(f"{RECORDINGS}{place}/"),
        client.put(f"{UPLOADS}{place}/parts/0/", b"PK", **raw),
        client.get(f"{JOBS}{place}/"),
        client.post(f"{JOBS}{place}/cancellation/"),
    ]
    return [(answer.status_code, answer.headers["Content-Type"]) for answer in answers]


def test_of_somebody_else_or_shaped_like_a_path_it_is_missing_and_no_file_is_touched(
    api, alice, charlie
):
    recording = begin_recording(alice)[0]
    put_chunk(alice, recording, 0, 0, in_pieces(sound(2.0), 2)[0])
    before = files()
    for place in (str(recording.pk), str(new_id()), *SHAPED):
        assert {status for status, _kind in everything(api(charlie), place)} == {404}, place
    assert files() == before
    recording.refresh_from_db()
    assert (recording.state, recording.discarded_at, recording.chunks.count()) == ("open", None, 1)
