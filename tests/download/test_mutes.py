import pytest
from django.db import connection

from download.actions.items import trash_item
from download.actions.mutes import mute_item, mute_site, mute_tag, mutes_of, unmute
from download.learning import HIGHLIGHT, KIND, LINK, traits_in_words, traits_of
from download.models.items import Item
from download.models.recommendations import Mute
from tests.factories import kept
from writeorperish.ai.verdicts import factors, learned_by, line, verdict
from writeorperish.ops.refusals import Missing
from writeorperish.refs import new_id

pytestmark = pytest.mark.django_db


@pytest.fixture
def links(alice):
    """Three of one site, two of them with a tag; one of another."""
    return [
        kept(alice, "https://www.example.org/a", tags=("Piano",)),
        kept(alice, "https://example.org/b", tags=("piano",)),
        kept(alice, "https://example.org/c"),
        kept(alice, "https://other.example/d"),
    ]


def left(owner) -> list[str]:
    rows = Mute.objects.outside(Item.objects.visible_to(owner), owner.pk)
    return sorted(item.url[-1] for item in rows)


def test_a_link_a_tag_or_a_site_is_muted_and_comes_back(alice, links):
    link = mute_item(alice, links[3])
    assert left(alice) == ["a", "b", "c"]
    tag = mute_tag(alice, links[0].tags.get())
    assert left(alice) == ["c"]
    site = mute_site(alice, links[2])
    assert left(alice) == []
    assert [each.label for each in mutes_of(alice)] == ["example.org", "Piano", "other.example/d"]
    for rule in (site, tag, link):
        unmute(alice, rule.pk)
    assert left(alice) == ["a", "b", "c", "d"]


def test_a_rule_said_twice_is_one_and_only_ones_own(alice, charlie, links):
    first, again = (mute_site(alice, links[2]) for _ in range(2))
    assert first == again
    assert mute_item(alice, links[0]) == mute_item(alice, links[0])
    other = kept(charlie, "https://example.org/c", tags=("piano",))
    assert left(charlie) == ["c"]
    for refused in (
        lambda: mute_item(charlie, links[0]),
        lambda: mute_site(charlie, links[0]),
        lambda: mute_tag(charlie, links[0].tags.get()),
        lambda: unmute(charlie, first.pk),
        lambda: unmute(alice, new_id()),
        lambda: mute_site(alice, kept(alice, "", "words", title="Without an address")),
    ):
        with pytest.raises(Missing):
            refused()
    trash_item(charlie, other)
    with pytest.raises(Missing):
        mute_item(charlie, other)


def test_no_word_of_a_rule_stands_in_the_database(alice, links):
    mute_site(alice, links[2])
    with connection.cursor() as cursor:
        cursor.execute("SELECT m::text FROM download_mute m")
        (stored,) = [row for (row,) in cursor.fetchall()]
    assert "example" not in stored
    assert b"example".hex() not in stored


def test_what_was_opened_makes_its_site_and_its_tags_count_for_more(alice, links):
    for _ in range(4):
        labels = traits_in_words(links[0], LINK)
        verdict(alice, KIND, "quoted", about=new_id().bytes, traits=labels)
        verdict(
            alice, KIND, "never", about=new_id().bytes, traits=traits_in_words(links[3], HIGHLIGHT)
        )
    assert list(traits_in_words(links[0], LINK)) == traits_of(links[0], LINK)
    same, site_alone, other = factors(
        alice.pk, KIND, [traits_of(links[each], LINK) for each in (1, 2, 3)]
    )
    assert same == 1.2
    assert same >= site_alone > 1 > factors(alice.pk, KIND, [traits_of(links[3], HIGHLIGHT)])[0]
    assert other < site_alone
    words = {line(row).words for row in learned_by(alice)}
    assert "Shown more: links from example.org. You took 4 of 4." in words
    assert "Shown more: links tagged “Piano”. You took 4 of 4." in words
    assert "Shown less: highlights beside what you write. You took 0 of 4." in words
