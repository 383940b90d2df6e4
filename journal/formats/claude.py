"""Conversations of a Claude export: what both sides said, in order."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from journal.formats.dates import instant_of
from journal.formats.found import AI, ATTACHMENT, PERSON, Found, Unreadable
from writeorperish.ops.records import Record, line_in, records_in, text_in

SOURCE = "claude"
MODEL = "Claude"
MODEL_CHARS = 80
TITLE_CHARS = 200

AUTHORS = {"human": PERSON, "assistant": AI}
# What the first message of a conversation names as its parent.
NOWHERE = "00000000-0000-4000-8000-000000000000"


def rows(
    record: object, *, label: str, take: Collection[str], now: datetime
) -> Iterator[Found | Unreadable]:
    """The conversation's messages, parents first, and behind each the texts of its attachments.

    take: the optional kinds that are wanted; without ATTACHMENT the messages alone. A message whose
    parent does not stand before it answers the one before it. One without words leaves its place to
    its first attachment, or to the message above. A message without a time has that of the one
    before, at last the conversation's. `not_conversation`, `no_turns`.
    """
    if not isinstance(record, dict) or not isinstance(record.get("chat_messages"), list):
        yield Unreadable(ordinal=0, label=label, reason="not_conversation")
        return
    talk = Talk.of(record, label=label, take=take, now=now)
    said = 0
    for number, message in enumerate(records_in(record, "chat_messages")):
        for row in talk.rows_of(message, number, now=now):
            said += 1
            yield row
    if not said:
        yield Unreadable(ordinal=0, label=talk.title or label, reason="no_turns")


@dataclass(slots=True, repr=False)
class Talk:
    """A conversation as far as it was read. places: the row that stands for each message, by its key."""

    id: str
    title: str
    label: str
    model: str
    attachments: bool
    at: datetime | None
    place: str = ""
    places: dict[str, str] = field(default_factory=lambda: {NOWHERE: ""})

    @classmethod
    def of(cls, record: Record, *, label: str, take: Collection[str], now: datetime) -> "Talk":
        title = line_in(record, "name")[:TITLE_CHARS]
        return cls(
            id=line_in(record, "uuid") or line_in(record, "created_at"),
            title=title,
            label=title or label,
            model=line_in(record, "model") or MODEL,
            attachments=ATTACHMENT in take,
            at=instant_of(record.get("created_at"), now=now),
        )

    def rows_of(self, message: Record, number: int, *, now: datetime) -> Iterator[Found]:
        author = AUTHORS.get(line_in(message, "sender"))
        if author is None:
            return
        id = line_in(message, "uuid")
        key = f"{self.id}/{id or number}"
        self.at = instant_of(message.get("created_at"), now=now) or self.at
        self.place = self.places.get(line_in(message, "parent_message_uuid"), self.place)
        words = _words(message)
        if words:
            media = ("media_left_out",) if records_in(message, "files") else ()
            named = line_in(message, "model") or self.model
            model = named[:MODEL_CHARS] if author == AI else ""
            yield self.row(key, words, author=author, model=model, notes=media)
            self.place = key
        for index, (name, text) in enumerate(_attachments(message) if self.attachments else ()):
            attached = f"{key}/{index}"
            yield self.row(attached, text, title=name, optional=ATTACHMENT)
            self.place = self.place if words or index else attached
        if id:
            self.places[id] = self.place

    def row(
        self,
        key: str,
        text: str,
        *,
        author: str = PERSON,
        model: str = "",
        title: str = "",
        optional: str = "",
        notes: tuple[str, ...] = (),
    ) -> Found:
        """A row at the place reached; the first of a thread has the conversation's title."""
        return Found(
            ordinal=0,
            source=SOURCE,
            label=self.label,
            key=key,
            parent_key=self.place,
            text=text,
            author=author,
            model=model,
            title=title if self.place else self.title or title,
            written_at=self.at,
            optional=optional,
            notes=(*notes, *([] if self.at else ["no_date"])),
        )


def _words(message: Record) -> str:
    """The message's text; thoughts, tools and what they answer stand in blocks of their own kinds."""
    blocks = records_in(message, "content")
    if not blocks:
        return _trimmed(text_in(message, "text"))
    texts = [_trimmed(text_in(block, "text")) for block in blocks if block.get("type") == "text"]
    return "\n\n".join(text for text in texts if text)


def _attachments(message: Record) -> Iterator[tuple[str, str]]:
    """The name and the text of each attached file that came with its text."""
    for file in records_in(message, "attachments"):
        text = _trimmed(text_in(file, "extracted_content"))
        if text:
            yield line_in(file, "file_name")[:TITLE_CHARS], text


def _trimmed(text: str) -> str:
    return text.strip("\n").rstrip()
