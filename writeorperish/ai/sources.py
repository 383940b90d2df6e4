from writeorperish.ai.models import Instructions
from writeorperish.events.catalog import Genre
from writeorperish.privacy.reading import source

source(
    Instructions,
    text=lambda row: row.words,
    title=lambda _row: "",
    at=lambda row: row.made_at,
    genre=lambda _row: Genre.WISH,
    searched=False,
)
