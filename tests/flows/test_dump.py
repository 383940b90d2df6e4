"""What a thief finds: nothing a person wrote, in the database, the files, Redis or the log; its writer finds it all."""

import io
import json
import logging
import os
import subprocess
import zipfile
from datetime import UTC
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
import redis
from django.conf import settings
from django.db import connection
from django.test import Client

from download.search import Mode, search
from journal.models.nodes import Node, Version
from tests.events_drain import drain
from tests.factories import entry
from writeorperish.ops import cluster
from writeorperish.privacy.circles import make_circle
from writeorperish.refs import new_id

pytestmark = pytest.mark.django_db(transaction=True)

WORDS = Mode.WORDS
A_TEXT = 8
IMPORTED = 60
SEARCHES = 50
UNAVAILABLE = b"can't be opened"
SYLLABLES = ["ba", "de", "fi", "go", "hu", "ja", "ke", "li", "mo", "nu"]


def made_up(kind: str, number: int) -> str:
    """A word nobody uses, its kind and number spelled in syllables: neither a part of another nor of code."""
    return f"zyx{kind}{''.join(SYLLABLES[int(digit)] for digit in f'{number:03}')}qov"


FOUND = [made_up("e", n) for n in range(500)]
ENTRY_WORDS, IMPORT_WORDS = FOUND[:-IMPORTED], FOUND[-IMPORTED:]
REPLACED = [made_up("v", n) for n in range(20)]
DRAFTED = [made_up("d", n) for n in range(20)]
NAMED = [made_up("c", n) for n in range(5)]
ASKED = [made_up("q", n) for n in range(5)]
PLANTED = [*FOUND, *REPLACED, *DRAFTED, *NAMED, *ASKED]


def groups(words: list[str], size: int) -> list[list[str]]:
    return [words[start : start + size] for start in range(0, len(words), size)]


def vault() -> bytes:
    """A zip that is not compressed, so that its bytes would show every word: in names, titles and texts."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, title, *rest in groups(IMPORT_WORDS, 10):
            archive.writestr(f"{name}.md", f"# {title}\n\n{name} {' '.join(rest)}")
    return file.getvalue()


def write_everything(browser: Client) -> None:
    """Every way in: entries with titles, an edit, drafts, an import, searches, a page of each."""

    def sent(method: str, path: str, body: object, status: int, **headers: str) -> dict:
        answer = browser.generic(
            method, f"/api/v1/{path}", json.dumps(body), "application/json", headers=headers
        )
        assert answer.status_code == status, answer.content
        return answer.json() if answer.content else {}

    for title, *rest in groups(ENTRY_WORDS, A_TEXT):
        sent("POST", "journal/nodes/", {"title": title, "text": " ".join(rest)}, 201)
    edited = sent("POST", "journal/nodes/", {"text": " ".join(REPLACED)}, 201)
    sent("PATCH", f"journal/nodes/{edited['id']}/", {"text": "plain"}, 200, if_match='"1"')
    for seq, words in enumerate(groups(DRAFTED, 10), 1):
        draft = {"title": words[0], "text": " ".join(words[1:]), "seq": seq}
        sent("PUT", f"journal/drafts/{new_id()}/", draft, 200)

    file = vault()
    upload = sent("POST", "journal/uploads/", {"bytes": len(file)}, 201)["id"]
    part = f"/api/v1/journal/uploads/{upload}/parts/0/"
    assert browser.put(part, file, "application/octet-stream").status_code == 201
    run = sent("POST", "journal/imports/", {"upload": upload}, 202)["id"]
    drain()
    sent("POST", f"journal/imports/{run}/confirmation/", {"settings": {"ai_usage": "none"}}, 202)
    drain()

    for path in ("/journal/", "/journal/drafts/", f"/journal/import/{run}/"):
        assert browser.get(path).status_code == 200
    for word in ASKED:
        assert browser.get("/search/", {"q": f"{word} {FOUND[0]}"}).status_code == 200


def dump_of_the_database() -> bytes:
    at = connection.settings_dict
    own = settings.OWN_SERVERS
    parts = [str(cluster.installed() / "bin" / "pg_dump"), "-d", at["NAME"], "-h", at["HOST"]]
    # The cluster's own superuser, past the walls between owners; of another's server only our own role.
    parts += ["-U", at["USER"] if own else cluster.SUPERUSER]
    parts += ["-p", str(at["PORT"])] if at["PORT"] else []
    parts += ["--enable-row-security"] if own else []
    surroundings = os.environ | {"PGPASSWORD": at["PASSWORD"] or ""}
    return subprocess.run(parts, env=surroundings, capture_output=True, check=True).stdout


def dump_of_redis() -> bytes:
    """Names and values of every key in the cache's, the broker's and the sockets' database."""
    place = urlsplit(settings.REDIS.cache)
    found = b""
    for number in range(3):
        if place.scheme == "unix":
            server = redis.Redis(unix_socket_path=place.path, db=number)
        else:
            server = redis.Redis(host=place.hostname or "", port=place.port or 6379, db=number)
        for key in server.scan_iter():
            found += key + b"\n" + (server.dump(key) or b"") + plain_value(server, key)
    return found


def plain_value(server: redis.Redis, key: bytes) -> bytes:
    """A string's bytes: what `DUMP` gives may be packed."""
    return (server.get(key) or b"") if server.type(key) == b"string" else b""


def every_file() -> bytes:
    paths = [path for path in settings.DATA_DIR.rglob("*") if path.is_file()]
    assert paths
    return b"\n".join(str(path).encode() + b"\n" + path.read_bytes() for path in paths)


def log_of_postgresql() -> bytes:
    """What the server of our own data folder said; another's is its operator's."""
    if settings.OWN_SERVERS:
        return b""
    at = connection.settings_dict
    with psycopg.connect(host=at["HOST"], user=cluster.SUPERUSER, dbname=at["NAME"]) as server:
        (folder,) = server.execute("SHOW data_directory").fetchone() or ("",)
    return (Path(folder).parent / "log").read_bytes()


def leaks(name: str, content: bytes) -> list[str]:
    """The planted words in it, as they are, in another case, or in the digits PostgreSQL writes bytes with."""
    lowered = content.lower()
    return [
        f"{word} in {name}"
        for word in PLANTED
        if word.encode() in lowered or word.encode().hex().encode() in lowered
    ]


def test_five_hundred_planted_words_are_nowhere_and_all_are_found(cast, signed_in, caplog, capfd):
    caplog.set_level(logging.INFO)
    make_circle(cast.alice, name=" ".join(NAMED))
    write_everything(signed_in(cast.alice))
    said = "\n".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    out, err = capfd.readouterr()
    dump = dump_of_the_database()

    assert str(cast.alice.pk).encode() in dump
    assert dump.count(b"\n") > Node.objects.count() + Version.objects.count()
    for name, content in {
        "the database": dump,
        "the files": every_file(),
        "Redis": dump_of_redis(),
        "the log": f"{said}{out}{err}".encode(),
        "PostgreSQL's log": log_of_postgresql(),
    }.items():
        assert leaks(name, content) == []

    for start in range(SEARCHES):
        # Each from another text, so that a text is a hit by its own word only.
        words = FOUND[start::SEARCHES]
        hits = search(cast.alice, " ".join(words), mode=WORDS, zone=UTC).hits
        pieces = [piece for hit in hits for piece in hit.snippet.pieces]
        titles = " ".join(hit.title for hit in hits)
        shown = {piece.text for piece in pieces if piece.mark} | set(titles.split())
        assert set(words) - shown == set()
    assert search(cast.charlie, FOUND[0], mode=WORDS, zone=UTC).hits == []


@pytest.mark.parametrize("shown", [str, str.upper, lambda word: word.encode().hex()])
def test_a_word_that_leaked_would_be_seen(shown):
    assert leaks("a dump", f"before {shown(FOUND[7])} after".encode()) == [f"{FOUND[7]} in a dump"]


@pytest.mark.parametrize("column", ["body", "title"])
def test_a_text_swapped_in_from_another_row_is_an_error_of_that_row_alone(
    alice, signed_in, column, caplog
):
    texts = ("the first text", "the second text", "the third text")
    first, second, third = (entry(alice, text, title=text.upper()) for text in texts)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE journal_node SET {column} = (SELECT {column} FROM journal_node WHERE id = %s)"
            " WHERE id = %s",
            [first.pk, second.pk],
        )
    browser = signed_in(alice)

    page = browser.get("/journal/")
    assert page.status_code == 200
    for text in (texts[0], texts[2]):
        assert text.upper() in page.content.decode()
    assert page.content.count(UNAVAILABLE) == 1

    listed = browser.get("/api/v1/journal/nodes/")
    assert listed.status_code == 200
    rows = {row["id"]: row for row in listed.json()["results"]}
    assert rows[str(second.pk)]["unreadable"] is True
    for node, text in ((first, texts[0]), (third, texts[2])):
        row = rows[str(node.pk)]
        assert (row["text"], row["title"], row["unreadable"]) == (text, text.upper(), False)

    alone = browser.get(f"/journal/{second.pk}/")
    assert alone.status_code == 200
    assert UNAVAILABLE in alone.content
    assert texts[0].encode() not in alone.content.lower()
    assert browser.get(f"/journal/{third.pk}/").status_code == 200
    assert any(str(second.pk) in str(vars(record)) for record in caplog.records)
