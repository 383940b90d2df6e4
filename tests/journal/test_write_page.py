"""What a form sends is saved, or refused with every word of it still on the page."""

import pytest

from journal.models.nodes import Node
from journal.splitting import NODE_CHARS
from tests.factories import entry
from writeorperish.refs import new_id

pytestmark = pytest.mark.django_db
WRITE = "/journal/write/"
FORM = {"title": "", "text": "alice's words", "privacy_level": "private", "ai_usage": "none"}


def post(client, address: str = WRITE, **changes):
    sent = FORM | {"draft": str(new_id())} | changes
    return client.post(address, {name: value for name, value in sent.items() if value is not None})


def test_what_was_written_stands_at_its_own_address(alice, signed_in):
    answer = post(signed_in(alice))
    node = Node.objects.get()
    assert (answer.status_code, answer.url) == (302, node.get_absolute_url())
    assert (node.body, node.privacy_level, node.ai_usage) == ("alice's words", "private", "none")


@pytest.mark.parametrize(
    "changes",
    [
        {"privacy_level": None},
        {"privacy_level": "everyone"},
        {"privacy_level": "public"},
        {"privacy_level": "circles"},
        {"ai_usage": None},
        {"ai_usage": "all"},
        {"privacy_level": None, "ai_usage": None, "draft": None},
        {"draft": "1"},
        {"circles": "not-an-id"},
        {"circles": "01930000-0000-7000-8000-000000000001"},
        {"title": "t" * 201},
    ],
    ids=str,
)
def test_a_refused_form_comes_back_with_its_words(alice, signed_in, changes):
    answer = post(signed_in(alice), **changes)
    assert answer.status_code == 422
    assert b"alice&#x27;s words" in answer.content
    assert not Node.objects.exists()


@pytest.mark.parametrize("text", ["", " \n\t ", "\u00a0\u2003", "\x00\x00"])
def test_nothing_is_no_entry(alice, signed_in, text):
    assert post(signed_in(alice), text=text).status_code == 422
    assert not Node.objects.exists()


def test_what_cannot_be_kept_is_dropped_and_the_rest_stays(alice, signed_in):
    post(signed_in(alice), text="a\x00b\r\nc\u202ed\ufeff")
    assert Node.objects.get().body == "ab\nc\u202ed\ufeff"


def test_a_text_above_a_million_is_too_large_and_still_on_the_page(alice, signed_in):
    answer = post(signed_in(alice), text="words " * 170_000)
    assert answer.status_code in {413, 422}
    assert b"words words" in answer.content
    assert not Node.objects.exists()


def test_a_text_above_the_cap_becomes_a_thread_of_parts(alice, signed_in):
    answer = post(signed_in(alice), text="words " * (NODE_CHARS // 6 + 1))
    assert answer.status_code == 302
    assert Node.objects.count() == 2


@pytest.mark.parametrize("changes", [{"privacy_level": "public"}, {"ai_usage": None}])
def test_a_refused_reply_comes_back_with_its_words_too(alice, bob, cast, signed_in, changes):
    node = entry(alice, circles=(cast.circle,))
    answer = post(signed_in(bob), f"{node.get_absolute_url()}replies/", **changes)
    assert answer.status_code == 422
    assert b"alice&#x27;s words" in answer.content
    assert Node.objects.count() == 1


def test_a_parent_one_may_not_see_is_missing(alice, charlie, signed_in):
    private = entry(alice)
    for parent in (private.pk, new_id()):
        assert post(signed_in(charlie), parent=str(parent)).status_code == 404
    assert Node.objects.count() == 1


def test_an_edit_that_leaves_the_selectors_alone_leaves_what_they_say(alice, bob, cast, signed_in):
    root = entry(alice, "root", circles=(cast.circle,), ai_usage="none")
    beside = entry(alice, "beside", parent=root, privacy_level="circles", ai_usage="train")
    before = Node.objects.filter(pk=beside.pk).values("privacy_level", "ai_usage").get()
    client = signed_in(alice)
    client.get(root.get_absolute_url())
    for number, sent in enumerate(({}, {"ai_usage": "train"}), 1):
        form = {"text": f"changed {number}", "base_rev": number, **sent}
        assert client.post(f"/journal/{beside.pk}/edit/", form).status_code == 302
    beside.refresh_from_db()
    assert (beside.body, beside.rev) == ("changed 2", 3)
    assert Node.objects.filter(pk=beside.pk).values("privacy_level", "ai_usage").get() == before
    assert Node.objects.visible_to(bob).filter(pk=beside.pk).exists()
