from download.actions.fetches import fetch_page
from download.actions.reviews import make_cards
from download.actions.words import index_text
from writeorperish.events.bus import on
from writeorperish.events.catalog import Genre, PageWanted, TextRewritten, TextWritten


@on(TextWritten)
def index_what_was_written(fact: TextWritten) -> None:
    index_text(fact.ref, owner_id=fact.owner, genre=fact.genre)


@on(TextRewritten)
def index_what_was_rewritten(fact: TextRewritten) -> None:
    index_text(fact.ref, owner_id=fact.owner, genre=fact.genre)


@on(PageWanted)
def fetch_what_was_wanted(fact: PageWanted) -> None:
    fetch_page(fact.ref.id, paced=fact.paced)


@on(TextWritten, genres={Genre.READING}, queue="low")
def make_a_card_for_what_was_kept(fact: TextWritten) -> None:
    make_cards(fact.owner, [fact.ref])
