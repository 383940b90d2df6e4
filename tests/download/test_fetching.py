"""Getting pages: what the network says becomes a text or a reason, and the link stays whatever happens."""

import subprocess
import sys
from contextlib import suppress
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from download import fetching
from download.actions.fetches import AskedJustNow, NoAddress, ask_for_page, fetch_page
from download.actions.highlights import mark_quote
from download.actions.items import decide_library, trash_item
from download.fetching import NoPage, from_markup, judged, page_at
from download.models.items import Item, Page
from tests.doubles.site import HERE, moved, packed, page, serving
from tests.factories import kept
from writeorperish.events.models import Event
from writeorperish.ops import limits
from writeorperish.ops.limits import Rate

WORDS = " ".join(
    f"Sentence {n} says something about quiet mornings and the piano." for n in range(12)
)
ARTICLE = f"""<!doctype html><html lang="en"><head><title>Quiet mornings</title>
<meta name="author" content="Inês Duarte"><meta property="og:site_name" content="The Kettle">
<meta property="article:published_time" content="2024-03-05T08:00:00Z"></head><body>
<nav><a href="/">Home</a></nav><article><h1>Quiet mornings</h1><p>{WORDS}</p>
<p>A <a href="/more">link</a>, a <a href="javascript:alert(1)">trap</a>, and a picture:
<img src="https://elsewhere.example/pixel.png?who=alice" alt="a kettle"> which says enough by itself.</p>
<script>alert("no")</script><p>&lt;img src=x onerror=alert(1)&gt; is written here.</p></article></body></html>"""


def test_a_page_becomes_its_text_and_nothing_else():
    with serving(moved("/there"), page(ARTICLE)) as site:
        copy = page_at(site.url, rules=HERE)
        asked = b"".join(site.asked).lower()
    assert copy.text.startswith("# Quiet mornings\n\nSentence 0 says")
    assert "[link](http" in copy.text
    assert "[image: a kettle]" in copy.text
    assert not any(
        each in copy.text for each in ("javascript:", "pixel.png", 'alert("no")', "Home")
    )
    assert (copy.title, copy.byline, copy.site) == ("Quiet mornings", "Inês Duarte", "The Kettle")
    assert (str(copy.published_on), copy.quality) == ("2024-03-05", "good")
    assert b"cookie" not in asked
    assert b"referer" not in asked


@pytest.mark.parametrize(
    ("answer", "reason", "passing"),
    [
        (page("", status="401 No"), "needs_login", False),
        (page("", status="403 No"), "needs_login", False),
        (page("", status="410 Gone"), "gone", False),
        (page("", status="418 Teapot"), "unreachable", False),
        (page("", status="503 Later"), "unreachable", True),
        (page(b"%PDF-1.7", "application/pdf"), "wrong_type", False),
        (page(b"\x89PNG", "image/png"), "wrong_type", False),
        ([b"HTTP/1.1 204 Nothing\r\nContent-Type: text/html\r\n\r\n"], "unreadable", False),
        (page("<html></html>"), "unreadable", False),
        (page(b"\xff\xfe\x00\x01" * 50), "unreadable", False),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\nhalf"], "wrong_type", False),
        ([b"SSH-2.0-server\r\n"], "unreachable", True),
        (
            [packed(b"\0" * 12_000_000).replace(b"OK\r\n", b"OK\r\nContent-Type: text/html\r\n")],
            "too_large",
            False,
        ),
    ],
)
def test_what_is_no_page_says_why(answer, reason, passing):
    with serving(answer) as site, pytest.raises(NoPage) as refusal:
        page_at(site.url, rules=HERE)
    assert (refusal.value.reason, refusal.value.passing) == (reason, passing)


def test_a_site_that_is_busy_says_when_to_come_back():
    answer = b"HTTP/1.1 429 Slow\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n"
    with serving([answer]) as site, pytest.raises(NoPage) as refusal:
        page_at(site.url, rules=HERE)
    assert (refusal.value.passing, refusal.value.retry_after_seconds) == (True, 120)


def test_a_person_cannot_send_us_inside():
    for url in (
        "http://127.0.0.1:80/",
        "http://[::1]/",
        "http://169.254.169.254/",
        "http://0x7f.1/",
    ):
        with pytest.raises(NoPage) as refusal:
            page_at(url)
        assert refusal.value.reason == "refused_address"


def test_plain_text_needs_no_child(monkeypatch):
    monkeypatch.setattr(fetching, "asked", None)
    with serving(
        page("Wörter\r\nund\x00 mehr".encode("latin-1"), "text/plain; charset=latin-1")
    ) as site:
        assert page_at(site.url, rules=HERE).text == "Wörter\nund mehr"


def test_what_stands_in_the_way_is_suspected():
    wall = fetching.Copy("Please enable JavaScript to go on.", "fetched", title="Wait")
    assert judged(wall).quality == "suspicious"
    article = fetching.Copy(f"Enable JavaScript, they said. {WORDS * 4}", "fetched")
    assert judged(article).quality == "good"


@pytest.mark.parametrize(
    "document",
    [
        "<table>" + "<tr><td>1</td></tr>" * 300_000,
        "<div>" * 100_000 + "words",
        '<table><tr><td colspan="9007199254740991">1</td></tr></table>',
        "<p>" + "&" * 200_000,
    ],
    ids=["rows", "depth", "colspan", "entities"],
)
def test_a_hostile_page_ends_in_the_child_and_the_next_is_read(document, monkeypatch, tmp_path):
    # The same child with less time, of which the rows would take all.
    hasty = fetching.PROGRAM.read_text().replace(
        "CPU_SECONDS: Final = 10", "CPU_SECONDS: Final = 2"
    )
    assert "= 2" in hasty
    (tmp_path / "extractor.py").write_text(hasty)
    monkeypatch.setattr(fetching, "PROGRAM", tmp_path / "extractor.py")
    with suppress(NoPage):
        from_markup(
            document.encode(), charset="utf-8", url="https://example.org/", origin="fetched"
        )
    copy = from_markup(
        ARTICLE.encode(), charset="no-such", url="https://example.org/", origin="pushed"
    )
    assert "quiet mornings" in copy.text


@pytest.mark.parametrize(
    "program",
    [
        "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
        "print('garbage')",
        "print('[]')",
        "import sys; sys.stdout.write('x' * 9_000_000)",
        "import time; time.sleep(60)",
    ],
    ids=["segfault", "garbage", "no object", "9 MB", "hangs"],
)
def test_a_child_that_goes_wrong_is_an_unreadable_page(program, monkeypatch, tmp_path):
    path = tmp_path / "extractor.py"
    path.write_text(program)
    monkeypatch.setattr(fetching, "PROGRAM", path)
    monkeypatch.setattr(fetching, "WAIT_SECONDS", 1.0)
    with pytest.raises(NoPage) as refusal:
        from_markup(b"x" * 300_000, charset="", url="", origin="fetched")
    assert refusal.value.reason == "unreadable"


def test_the_child_has_no_more_than_its_share_of_the_machine():
    program = (
        "import sys, resource; sys.path.insert(0, sys.argv[1]); import extractor; extractor.limit();"
        "print([resource.getrlimit(getattr(resource, f'RLIMIT_{each}'))[0]"
        " for each in ('AS', 'CPU', 'FSIZE', 'CORE')])"
    )
    folder = str(fetching.PROGRAM.parent)
    ended = subprocess.run(
        [sys.executable, "-c", program, folder], capture_output=True, check=True, text=True
    )
    assert ended.stdout.strip() == str([768 * 1024 * 1024, 10, 0, 0])


# With rows


@pytest.fixture
def site_of(monkeypatch):
    """A link's page as the worker gets it, from a site of the test's."""
    monkeypatch.setitem(limits.RATES, "fetch_host", Rate(3_600_000, timedelta(hours=1)))

    def fetch(item: Item, *answers) -> Item:
        with serving(*answers) as site:
            Item.objects.get(pk=item.pk)
            item.url = f"{site.url}article"
            item.save(update_fields=["url"])
            for _answer in answers:
                fetch_page(item.pk, paced=False, rules=HERE)
            assert len(site.asked) == len(answers)
        item.refresh_from_db()
        return item

    return fetch


@pytest.mark.django_db
def test_a_fetched_page_is_the_links_text_and_is_found(alice, site_of, drain):
    item = site_of(kept(alice), page(ARTICLE))
    assert (item.fetch, item.page.origin, item.page.words > 50) == ("fetched", "fetched", True)
    fetch_page(item.pk, paced=False, rules=HERE)
    assert Page.objects.count() == 1
    rewritten = Event.objects.filter(name="TextRewritten")
    assert rewritten.count() == 1


@pytest.mark.django_db
def test_passing_trouble_is_tried_four_times_and_lasting_trouble_once(alice, site_of):
    gone = site_of(kept(alice), page("", status="404 No"))
    assert (gone.fetch, gone.fetch_reason, gone.fetch_tries) == ("failed", "gone", 0)
    busy = b"HTTP/1.1 429 Slow\r\nRetry-After: 7200\r\nContent-Length: 0\r\n\r\n"
    item = site_of(kept(alice, "https://example.org/b"), [busy], *[page("", status="500 No")] * 3)
    assert (item.fetch, item.fetch_reason, item.fetch_tries) == ("failed", "unreachable", 4)
    now = timezone.now()
    later = Event.objects.filter(name="PageWanted", not_before__gt=now).order_by("pk")
    waits = [round((each.not_before - now).total_seconds() / 60) for each in later]
    assert waits == [120, 15, 360]
    fetch_page(item.pk, paced=False, rules=HERE)
    assert Item.objects.get(pk=item.pk).fetch_tries == 4


@pytest.mark.django_db
def test_what_a_person_pasted_is_not_replaced_by_itself(alice, site_of):
    item = kept(alice, text="Pasted words.")
    Item.objects.filter(pk=item.pk).update(fetch="pending")
    assert site_of(item, page(ARTICLE)).page.text == "Pasted words."
    mark_quote(alice, item, quote="Pasted words")
    asked = ask_for_page(alice, item)
    assert asked.fetch == "pending"
    with pytest.raises(AskedJustNow) as refusal:
        ask_for_page(alice, item)
    assert 500 < refusal.value.retry_after_seconds <= 601
    item.refresh_from_db()
    item = site_of(item, page(ARTICLE))
    assert item.page.origin == "fetched"
    assert not item.highlights.get().anchored
    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        ask_for_page(alice, item)
        item.refresh_from_db()
        item = site_of(
            item, page("<p>Just a moment, are you a robot? We have to check this first.</p>")
        )
    assert (item.fetch, item.fetch_reason, item.page.words > 50) == ("failed", "unreadable", True)
    with pytest.raises(NoAddress):
        ask_for_page(alice, kept(alice, "", "Words", title="A text"))


@pytest.mark.django_db
def test_two_pages_that_begin_alike_are_suspected(alice, site_of):
    first = site_of(kept(alice), page(ARTICLE))
    second = site_of(
        kept(alice, "https://example.org/b"), page(ARTICLE.replace("by itself", "for now"))
    )
    assert (first.page.quality, second.page.quality, second.fetch) == (
        "good",
        "suspicious",
        "suspicious",
    )


@pytest.mark.django_db
def test_links_of_one_site_wait_for_their_turn_and_a_dead_worker_is_replaced(alice, charlie):
    for number in range(3):
        item = kept(alice, f"http://name.invalid/{number}")
        fetch_page(item.pk, paced=False)
    now = timezone.now()
    later = Event.objects.filter(name="PageWanted", facts__paced=True).order_by("pk")
    waits = [round((each.not_before - now).total_seconds()) for each in later]
    assert waits == [2, 4]
    Item.objects.filter(pk=item.pk).update(fetch="fetching", fetch_until=now + timedelta(minutes=1))
    fetch_page(item.pk, paced=True)
    assert Item.objects.get(pk=item.pk).fetch == "fetching"
    Item.objects.filter(pk=item.pk).update(fetch_until=now - timedelta(minutes=1))
    fetch_page(item.pk, paced=True)
    assert Item.objects.get(pk=item.pk).fetch == "failed"


@pytest.mark.django_db
def test_nothing_is_asked_for_what_is_gone_or_not_to_be_fetched(alice):
    decide_library(alice, fetching=False)
    skipped, trashed = kept(alice), kept(alice, "https://example.org/b")
    ask_for_page(alice, trashed)
    trash_item(alice, trashed)
    for item in (skipped, trashed):
        fetch_page(item.pk, paced=True)
    assert set(Item.objects.values_list("fetch", flat=True)) == {"skipped", "pending"}
