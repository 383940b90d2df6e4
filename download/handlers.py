from download.actions.answers import KIND, KIND_HERE, answer, end_answer
from download.actions.fetches import fetch_page
from download.actions.reviews import make_cards
from download.actions.words import index_text
from writeorperish.ai.jobs import runs
from writeorperish.ai.models import Job
from writeorperish.events.bus import on
from writeorperish.events.catalog import Genre, PageWanted, TextRewritten, TextWritten
from writeorperish.privacy.levels import Purpose


@on(TextWritten)
def index_what_was_written(fact: TextWritten) -> None:
    index_text(fact.ref, owner_id=fact.owner, genre=fact.genre)


@on(TextRewritten)
def index_what_was_rewritten(fact: TextRewritten) -> None:
    index_text(fact.ref, owner_id=fact.owner, genre=fact.genre)


@runs(KIND, end=end_answer, purpose=Purpose.ASK)
def answer_what_was_asked(job: Job) -> None:
    answer(job)


@runs(KIND_HERE, end=end_answer)
def answer_by_rule_what_was_asked(job: Job) -> None:
    answer(job)


@on(PageWanted)
def fetch_what_was_wanted(fact: PageWanted) -> None:
    fetch_page(fact.ref.id, paced=fact.paced)


@on(TextWritten, genres={Genre.READING}, queue="low")
def make_a_card_for_what_was_kept(fact: TextWritten) -> None:
    make_cards(fact.owner, [fact.ref])
