from download.actions.answers import notes_of, written_out
from download.models.answers import Question
from writeorperish.events.catalog import Genre
from writeorperish.privacy.reading import source

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
