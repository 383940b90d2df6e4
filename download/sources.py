from download import addresses
from download.actions.answers import notes_of, written_out
from download.actions.exports import library_file
from download.actions.naming import title_of
from download.learning import RECOMMENDATION
from download.models.answers import Question
from download.models.items import Highlight, Item, Page
from writeorperish.ai.verdicts import learn
from writeorperish.events.catalog import Genre
from writeorperish.privacy.portability import carries
from writeorperish.privacy.reading import source


def words_of(item: Item) -> str:
    """The page and the note under it; what has neither is found by its name.

    A page that may not be the article is shown, and neither searched nor given to anybody.
    """
    page = item.page
    trusted = page is not None and page.quality != Page.Quality.SUSPICIOUS
    parts = [page.text if page is not None and trusted else "", item.note]
    return "\n\n".join(part for part in parts if part.strip()) or title_of(item)


def labels_of(item: Item) -> list[str]:
    tags = [f"#{tag.name}" for tag in item.tags.all()]
    host = addresses.host_of(item.url) if item.url else ""
    return [*tags, host] if host else tags


source(
    Item,
    text=words_of,
    title=title_of,
    at=lambda item: item.saved_at,
    genre=lambda _item: Genre.READING,
    labels=labels_of,
    along=lambda rows: rows.with_words(),
    thread=lambda item: item.pk,
)
source(
    Highlight,
    text=lambda mark: f"{mark.quote}\n\n{mark.note}" if mark.note.strip() else mark.quote,
    title=lambda mark: title_of(mark.item),
    at=lambda mark: mark.made_at,
    genre=lambda _mark: Genre.READING,
    along=lambda rows: rows.with_item(),
    thread=lambda mark: mark.item_id,
)
# An answer is never evidence and never found: its labels say which passages its marks [1], [2], … stand for.
source(
    Question,
    text=written_out,
    title=lambda question: question.words,
    at=lambda question: question.asked_at,
    genre=lambda _question: Genre.ANSWER,
    labels=notes_of,
    readable=lambda question: question.over,
    searched=False,
)

learn(RECOMMENDATION)
carries("library/memeos.json", library_file)
