"""The library as pages, with scripts or without."""

import pytest
from django.utils.html import escape

from download.actions.highlights import mark_quote
from download.actions.items import trash_item
from download.models.items import Highlight, Item, Library, Tag
from tests.factories import kept
from writeorperish.events.models import Event

pytestmark = pytest.mark.django_db
TEXT = "# Rest\n\nA **quiet** morning is worth two evenings.\n\n- four minutes\n- a page"


@pytest.fixture
def visitor(alice, signed_in):
    return signed_in(alice)


def words(answer) -> str:
    return " ".join(answer.content.decode().split())


def test_an_empty_library_says_how_to_begin(visitor):
    answer = visitor.get("/library/?state=all")
    assert escape("Save the first thing you'd like to come back to.") in words(answer)
    assert "javascript:void(open(" in words(answer)
    assert "May AI read pages you save?</strong>" not in words(answer)


def test_pasted_lines_are_answered_one_by_one(visitor, alice):
    kept(alice, "https://example.org/known")
    pasted = "https://example.org/a\nhttp://example.org/known/\n\njavascript:alert(1)\n<b>words</b>"
    answer = visitor.post("/library/paste/", {"addresses": pasted})
    assert answer.status_code == 200
    for said in ("Kept", "Already here since", "not an address", "&lt;b&gt;words&lt;/b&gt;"):
        assert said in words(answer)
    assert Item.objects.count() == 2
    assert (
        visitor.post("/library/paste/", {"addresses": "https://example.org/one"}).status_code == 302
    )
    too_many = visitor.post("/library/paste/", {"addresses": "https://example.org/\n" * 51})
    assert (too_many.status_code, Item.objects.count()) == (422, 3)
    assert "50 fit at once" in words(too_many)


def test_the_question_is_asked_once(visitor, alice):
    kept(alice)
    assert "May AI read pages you save?</strong>" in words(visitor.get("/library/"))
    visitor.post("/library/answer/", {"answer": "yes"})
    assert "May AI read pages you save?</strong>" not in words(visitor.get("/library/"))
    assert kept(alice, "https://example.org/b").ai_usage == "chat"
    visitor.post("/library/preference/", {"ai_usage": "none"})
    library = Library.objects.get()
    assert (library.ai_usage, library.fetching) == ("none", False)


def test_looking_at_the_page_for_saving_keeps_nothing(visitor):
    shared = "/share-target/?title=A+page&text=Look%3A+https%3A%2F%2Fexample.org%2Fa"
    answer = visitor.get(shared, follow=True)
    assert answer.redirect_chain[0][0].startswith("/library/save/?")
    assert 'value="https://example.org/a"' in words(answer)
    assert not Item.objects.exists()
    refused = visitor.post("/library/save/", {"url": "file:///etc/passwd", "note": "mine"})
    assert (refused.status_code, "mine" in words(refused)) == (422, True)
    sent = visitor.post(
        "/library/save/",
        {"url": "https://example.org/a", "title": "A", "tags": "x, Y ,", "text": TEXT},
    )
    item = Item.objects.get()
    assert sent["Location"] == f"/library/{item.pk}/"
    assert sorted(tag.name for tag in item.tags.all()) == ["Y", "x"]
    assert (item.captured_by, item.page.origin, item.fetch) == ("bookmarklet", "pasted", "fetched")


def test_a_page_is_read_marked_and_passed_through(visitor, alice):
    item = kept(alice, text=f"{TEXT}\n\n<img src=x onerror=alert(1)> <mark>")
    address = f"/library/{item.pk}/"
    marked = visitor.post(f"{address}highlights/", {"quote": "A quiet morning is worth"})
    mark = Highlight.objects.get()
    assert marked["Location"] == f"{address}#highlight-{mark.pk}"
    page = words(visitor.get(f"{address}?at=0-6"))
    assert f'<mark class="highlight" id="highlight-{mark.pk}">' in page
    assert 'id="passage"' in page
    assert "<img" not in page
    assert "&lt;img src=x" in page
    missing = visitor.post(f"{address}highlights/", {"quote": "words of nobody"})
    assert (missing.status_code, "words of nobody" in words(missing)) == (422, True)
    assert visitor.post(f"{address}progress/", {"progress": "0.5"}).status_code == 204
    assert visitor.post(f"{address}progress/", {"progress": "nonsense"}).status_code == 204
    assert Item.objects.get().reading == "reading"
    visitor.post(f"{address}state/", {"reading": "done"})
    visitor.post(f"{address}state/", {"reading": "lost"})
    assert Item.objects.get().reading == "done"
    redirected = visitor.get(f"/library/highlights/{mark.pk}/")
    assert redirected["Location"] == f"{address}#highlight-{mark.pk}"


def test_what_is_said_of_a_link_is_kept_unless_another_tab_was_faster(visitor, alice):
    item = kept(alice, text=TEXT)
    version = Item.objects.get().version
    about = {
        "title": "Mine",
        "tags": "a, b",
        "note": "**why**",
        "ai_usage": "chat",
        "version": version,
    }
    assert visitor.post(f"/library/{item.pk}/note/", about).status_code == 302
    page = words(visitor.get(f"/library/{item.pk}/"))
    assert '<h1 dir="auto">Mine</h1>' in page
    assert "<strong>why</strong>" in page
    late = visitor.post(f"/library/{item.pk}/note/", {**about, "note": "late words"})
    assert (late.status_code, "late words" in words(late)) == (422, True)
    item.refresh_from_db()
    assert item.note == "**why**"
    visitor.post(f"/library/{item.pk}/text/", {"text": "Other text"})
    assert "Other text" in words(visitor.get(f"/library/{item.pk}/"))


def test_fetching_again_says_what_comes(visitor, alice):
    item = kept(alice, text=TEXT)
    for said in ("The page is being fetched", "ten minutes"):
        assert said in words(visitor.post(f"/library/{item.pk}/fetch/", follow=True))
    assert Event.objects.filter(name="PageWanted").count() == 1


def test_a_deleted_link_is_taken_back_with_one_press(visitor, alice):
    item = kept(alice, title="Rest")
    gone = visitor.post(f"/library/{item.pk}/deletion/", follow=True)
    assert f'action="/library/{item.pk}/restoration/"' in words(gone)
    assert "Rest" in words(visitor.get("/library/?state=deleted"))
    assert visitor.get(f"/library/{item.pk}/").status_code == 404
    assert visitor.post(f"/library/{item.pk}/restoration/")["Location"] == f"/library/{item.pk}/"
    trash_item(alice, item)
    visitor.post(f"/library/{item.pk}/erasure/")
    assert not Item.objects.exists()


def test_several_links_are_changed_at_once(visitor, alice):
    items = [kept(alice, f"https://example.org/{n}", title=f"Link {n}") for n in range(3)]
    assert 'form="changes"' in words(visitor.get("/library/?select=1"))
    ids = [str(item.pk) for item in items[:2]]
    said = visitor.post(
        "/library/changes/", {"ids": ids, "act": "tag", "tags": "x, y"}, follow=True
    )
    assert "2 links tagged." in words(said)
    visitor.post("/library/changes/", {"ids": ids, "act": "archived"})
    assert "Link 2" in words(visitor.get("/library/"))
    assert "Link 0" not in words(visitor.get("/library/"))
    assert "Link 0" in words(visitor.get("/library/?tag=X"))
    assert "Link 0" in words(visitor.get("/library/?state=archived"))
    visitor.post("/library/changes/", {"ids": [*ids, "no id"], "act": "trash"})
    nothing = visitor.post("/library/changes/", {"act": "trash"}, follow=True)
    assert "Tick at least one link" in words(nothing)
    assert Item.objects.visible_to(alice).count() == 1


def test_a_long_list_goes_on_where_it_stopped(visitor, alice):
    for number in range(32):
        kept(alice, f"https://example.org/{number}", title=f"Link number {number}.")
    first = words(visitor.get("/library/"))
    following = first.partition('class="more"')[2].partition('href="')[2].partition('"')[0]
    second = words(visitor.get(following.replace("&amp;", "&")))
    assert "Link number 31." in first
    assert "Link number 1." not in first
    assert "Link number 1." in second
    assert visitor.get("/library/?before=nonsense").status_code == 200


def test_highlights_have_notes_and_an_undo(visitor, alice):
    item = kept(alice, text=TEXT, title="Rest")
    assert "Select text while reading" in words(visitor.get("/library/highlights/"))
    mark = mark_quote(alice, item, quote="four minutes")
    visitor.post(f"/library/highlights/{mark.pk}/note/", {"note": "ask Bia"})
    listed = words(visitor.get("/library/highlights/"))
    assert "four minutes" in listed
    assert "ask Bia" in listed
    gone = words(visitor.post(f"/library/highlights/{mark.pk}/deletion/", follow=True))
    assert "The highlight is taken out." in gone
    visitor.post(f"/library/highlights/{mark.pk}/restoration/")
    assert Highlight.objects.visible_to(alice).get().note == "ask Bia"
    too_long = visitor.post(f"/library/highlights/{mark.pk}/note/", {"note": "x" * 20_001})
    assert too_long.status_code == 422


def test_tags_are_renamed_and_removed(visitor, alice):
    kept(alice, tags=("piano",))
    kept(alice, "https://example.org/b", tags=("Klavier",))
    tags = {tag.name: tag for tag in Tag.objects.all()}
    visitor.post(f"/library/tags/{tags['Klavier'].pk}/", {"name": "piano", "version": 1})
    assert "2 links" in words(visitor.get("/library/tags/"))
    empty = visitor.post(f"/library/tags/{tags['piano'].pk}/", {"name": " ", "version": 1})
    assert empty.status_code == 422
    visitor.post(f"/library/tags/{tags['piano'].pk}/deletion/")
    assert not Tag.objects.exists()


def test_search_and_palette_lead_to_links(visitor, alice, drain):
    item = kept(alice, text=TEXT, title="Rest")
    mark = mark_quote(alice, item, quote="four minutes")
    drain()
    found = words(visitor.get("/search/?q=minutes&mode=words"))
    assert f'href="/library/{item.pk}/?at=' in found
    assert f'href="/library/highlights/{mark.pk}/?at=' in found
    assert "Link" in found
    assert f"/library/{item.pk}/" in words(visitor.get("/search/palette/?q=minutes"))


def test_a_page_that_was_altered_closes_its_link_only(visitor, alice):
    item = kept(alice, text=TEXT, title="Rest")
    kept(alice, "https://example.org/b", title="Whole")
    other = Item.objects.get(pk=item.pk)
    Item.objects.filter(pk=item.pk).update(title=Item.objects.values("note")[:1])
    assert other.title == "Rest"
    listed = words(visitor.get("/library/"))
    assert "This link can't be opened" in listed
    assert "Whole" in listed
    assert visitor.get(f"/library/{item.pk}/").status_code == 200
