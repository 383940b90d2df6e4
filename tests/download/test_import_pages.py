import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from download.models.imports import Import
from download.models.items import Item
from tests.download.test_imports import BOOKMARKS, checked, imported, memeos
from tests.events_drain import drain

pytestmark = pytest.mark.django_db


def test_a_person_brings_a_file_reads_the_report_and_takes_it_back(alice, signed_in, no_encoder):
    client = signed_in(alice)
    assert b"Nothing imported yet" in client.get("/library/import/").content
    sent = client.post(
        "/library/import/", {"file": SimpleUploadedFile("b.html", BOOKMARKS.encode())}
    )
    place = sent["Location"]
    assert b"being checked" in client.get(place).content
    drain()
    shown = client.get(place).content.decode()
    assert "3 rows of 6 would come in" in shown
    assert "Its address is not one of the web." in shown
    assert "Name folders by their inner name only" in shown
    assert client.post(f"{place}run/", {"last_level": "on"})["Location"] == place
    assert b"Importing" in client.get(place).content
    drain()
    shown = client.get(place).content.decode()
    assert "3 rows of 6 came in" in shown
    only = client.get(
        f"{place}?outcome=failed", headers={"HX-Request": "true", "HX-Target": "progress"}
    )
    assert "It has no address." in only.content.decode()
    assert "Second" not in only.content.decode()
    client.post(f"{place}undo/")
    drain()
    assert "This import was taken back." in client.get(place).content.decode()
    assert not Item.objects.exists()


def test_what_cannot_be_taken_says_why_beside_the_field(alice, signed_in):
    client = signed_in(alice)
    for file, words in (
        (SimpleUploadedFile("a.txt", b"just words"), "none of the exports we can read"),
        (SimpleUploadedFile("a.txt", b""), "empty"),
        ("", "required"),
    ):
        answer = client.post("/library/import/", {"file": file})
        assert answer.status_code == 422
        assert words in answer.content.decode()
    assert not Import.objects.exists()


def test_the_table_of_all_rows_holds_no_formula(alice, charlie, signed_in):
    run = imported(
        alice,
        memeos(
            {"title": '=HYPERLINK("x")', "content": "words"}, {"title": "Rest", "url": "file:///x"}
        ),
    )
    place = f"/library/import/{run.pk}/report/"
    answer = signed_in(alice).get(place)
    table = b"".join(answer.streaming_content).decode().splitlines()
    assert answer["Content-Type"].startswith("text/csv")
    assert table == [
        "Row,Title or address,Outcome,Why",
        """1,"'=HYPERLINK(""x"")",new,""",
        "2,Rest,left out,Its address is not one of the web.",
    ]
    assert signed_in(charlie).get(place).status_code == 404


def test_a_report_takes_as_many_queries_for_fifty_rows_as_for_three(alice, signed_in):
    client = signed_in(alice)

    def queries(count):
        run = imported(alice, memeos(*({"title": f"{count} {n}"} for n in range(count))))
        client.get(f"/library/import/{run.pk}/")
        with CaptureQueriesContext(connection) as seen:
            shown = client.get(f"/library/import/{run.pk}/")
        assert f"{count} 2" in shown.content.decode()
        return len(seen)

    assert queries(3) == queries(60)


def test_an_import_is_stopped_from_its_page(alice, charlie, signed_in):
    run = checked(alice, json.dumps([{"title": "a", "url": "https://example.org/a"}]))
    place = f"/library/import/{run.pk}/"
    for act in ("run/", "cancellation/", "undo/"):
        assert signed_in(charlie).post(f"{place}{act}").status_code == 404
    client = signed_in(alice)
    client.post(f"{place}run/")
    client.post(f"{place}cancellation/")
    assert b"Stopped. Nothing was imported." in client.get(place).content
    drain()
    assert not Item.objects.exists()
