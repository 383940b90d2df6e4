import io
import json
import zipfile

import pytest

from accounts.actions.departure import ask_for_export, parts_of
from journal.actions.exports import build_export
from journal.actions.imports import (
    FileTooLarge,
    PartDiffers,
    PartsMissing,
    Settings,
    WrongState,
    begin_import,
    begin_upload,
    check_import,
    confirm_import,
    put_part,
    retract_import,
    run_import,
    undo_import,
)
from journal.actions.nodes import edit_node
from journal.models.nodes import Node
from tests.events_drain import drain
from tests.factories import entry, zipped
from writeorperish.ops.refusals import Missing
from writeorperish.refs import new_id

pytestmark = pytest.mark.django_db(transaction=True)


def uploaded(person, data: bytes):
    upload = begin_upload(person, size=len(data))
    for number in range(0, len(data), 1_000_000):
        put_part(person, upload, number // 1_000_000, data[number : number + 1_000_000])
    return upload


def checked(person, data: bytes):
    run = begin_import(person, uploaded(person, data))
    check_import(run.pk)
    run.refresh_from_db()
    return run


def imported(person, data: bytes, **settings):
    run = checked(person, data)
    confirm_import(person, run, settings=Settings(**settings))
    run_import(run.pk)
    run.refresh_from_db()
    return run


VAULT = {
    "2025-03-01 first day.md": "# First day\n\nIt rained.",
    "notes/second.md": "---\ncreated: 2025-03-02 09:30\n---\nIt still rains.",
    "empty.md": "  ",
    ".obsidian/app.json": "{}",
}


def test_a_check_reports_and_writes_no_entry(alice):
    run = checked(alice, zipped(VAULT))
    assert run.state == "checked"
    assert run.report["counts"] | {"new": 2, "unreadable": 1} == run.report["counts"]
    assert not Node.objects.exists()


def test_an_import_makes_private_entries_closed_to_ai_with_their_dates(alice):
    run = imported(alice, zipped(VAULT), zone="Europe/Lisbon")
    nodes = list(Node.objects.order_by("written_at"))
    assert [node.privacy_level for node in nodes] == ["private", "private"]
    assert [node.ai_usage for node in nodes] == ["none", "none"]
    assert [str(node.day) for node in nodes] == ["2025-03-01", "2025-03-02"]
    assert (run.state, run.done) == ("done", 3)


def test_the_same_file_again_adds_nothing(alice):
    imported(alice, zipped(VAULT))
    again = checked(alice, zipped(VAULT))
    assert again.report["counts"]["here"] == 2
    confirm_import(alice, again, settings=Settings())
    run_import(again.pk)
    assert Node.objects.count() == 2


def test_a_worker_that_died_is_followed_by_one_that_goes_on(alice):
    run = checked(alice, zipped(VAULT))
    confirm_import(alice, run, settings=Settings())
    run_import(run.pk)
    run_import(run.pk)
    assert Node.objects.count() == 2


def test_an_undo_takes_back_what_nobody_touched(alice):
    run = imported(alice, zipped(VAULT))
    kept = Node.objects.order_by("written_at").first()
    edit_node(alice, kept, base_rev=1, text="edited since")
    retract_import(alice, run)
    undo_import(run.pk)
    run.refresh_from_db()
    assert run.state == "undone"
    assert [node.pk for node in Node.objects.visible_to(alice)] == [kept.pk]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"not a zip at all", "not_zip"),
        (zipped({"picture.txt": "x"}), "no_markdown"),
    ],
    ids=["not a zip", "no Markdown in it"],
)
def test_a_file_that_cannot_be_read_says_why_and_imports_nothing(alice, data, reason):
    run = checked(alice, data)
    assert (run.state, run.reason) == ("failed", reason)
    assert not Node.objects.exists()


def test_names_that_climb_out_of_the_zip_become_no_path(alice):
    run = checked(alice, zipped({"../../etc/passwd.md": "harmless words"}))
    assert run.state == "checked"


def test_parts_may_repeat_but_not_change(alice, charlie):
    upload = begin_upload(alice, size=8)
    assert put_part(alice, upload, 0, b"abcd")
    assert not put_part(alice, upload, 0, b"abcd")
    with pytest.raises(PartDiffers):
        put_part(alice, upload, 0, b"abcx")
    with pytest.raises(PartsMissing):
        begin_import(alice, upload)
    with pytest.raises(FileTooLarge):
        put_part(alice, upload, 1, b"12345")
    with pytest.raises(FileTooLarge):
        begin_upload(alice, size=201 * 1024 * 1024)


def test_an_import_is_confirmed_once_and_into_own_circles_only(alice, charlie, cast):
    run = checked(alice, zipped(VAULT))
    with pytest.raises(Missing):
        confirm_import(alice, run, settings=Settings(privacy_level="circles", circles=(new_id(),)))
    confirm_import(
        alice, run, settings=Settings(privacy_level="circles", circles=(cast.circle.pk,))
    )
    run_import(run.pk)
    assert Node.objects.visible_to(cast.bob).count() == 2
    run.refresh_from_db()
    with pytest.raises(WrongState):
        confirm_import(alice, run, settings=Settings())


def export_of(person) -> zipfile.ZipFile:
    export = ask_for_export(person)
    build_export(export.pk)
    export.refresh_from_db()
    assert export.state == "ready"
    return zipfile.ZipFile(io.BytesIO(b"".join(parts_of(person, export))))


def test_an_export_holds_everything_of_oneself_and_no_word_of_others(alice, bob, cast):
    root = entry(alice, "alice writes of #rain", circles=(cast.circle,), title="Rain")
    entry(bob, "bob answers", parent=root, privacy_level="circles")
    archive = export_of(alice)
    everything = b"".join(archive.read(name) for name in archive.namelist())
    assert b"alice writes of" in everything and b"bob answers" not in everything
    assert json.loads(archive.read("manifest.json"))["entries"] == 1
    assert "index.html" in archive.namelist()


def test_an_export_comes_back_as_it_was(alice, charlie):
    root = entry(alice, "the root", title="Root", zone="Europe/Lisbon")
    entry(alice, "below it", parent=root, zone="Europe/Lisbon")
    archive = export_of(alice)
    data = archive.fp.getvalue()
    before = {
        (n.title, n.body, n.written_at, n.zone, n.parent_id is None)
        for n in Node.objects.filter(owner=alice)
    }
    imported(charlie, data)
    after = {
        (n.title, n.body, n.written_at, n.zone, n.parent_id is None)
        for n in Node.objects.filter(owner=charlie)
    }
    assert after == before
    assert checked(alice, data).report["counts"]["here"] == 2


@pytest.mark.parametrize(
    "text",
    [
        "<b>bold</b> & <script>alert(1)</script>\n\n  two lines\nof a *verse*\n\n\n> said",
        "gAAAAABk needle wop1|journal_node|body|",
        "enc:v1:needle \\x0100000000000000",
    ],
)
def test_words_that_look_like_markup_or_sealed_stay_as_they_were_written(
    alice, charlie, signed_in, text
):
    client = signed_in(alice)
    sent = client.post("/api/v1/journal/nodes/", {"text": text}, content_type="application/json")
    assert (sent.status_code, sent.json()["text"]) == (201, text)
    drain()
    listed = client.get("/api/v1/journal/nodes/").json()["results"]
    assert [each["text"] for each in listed] == [text]
    word = "needle" if "needle" in text else "verse"
    assert sent.json()["id"] in client.get("/search/", {"q": word}).content.decode()
    page = client.get(f"/journal/{sent.json()['id']}/").content.decode()
    assert "<script>alert" not in page
    assert "<b>bold" not in page
    imported(charlie, export_of(alice).fp.getvalue())
    assert Node.objects.get(owner=charlie).body == text
