"""What a model may look up while it writes a reply: the person's own entries that are open to AI, and nothing else."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final
from uuid import UUID

from django.contrib.auth.models import AbstractUser

from journal.models.nodes import Node, NodeQuerySet
from journal.replying import passage_in
from journal.weaving import without_quotes
from writeorperish.ai import embeddings, gateway
from writeorperish.ai.composing import number_of
from writeorperish.ai.models import Near
from writeorperish.ai.parts import CapabilityOff, Cut, Excerpt, Fact, Said, Slots, Typed
from writeorperish.ai.providers.wire import Tool, Wanted
from writeorperish.privacy.levels import AIUsage, PrivacyLevel, Purpose
from writeorperish.privacy.reading import read, read_all
from writeorperish.privacy.walls import rows_of
from writeorperish.refs import Ref

FOUND: Final = 4
PREVIEW_CHARS: Final = 800
QUERY_CHARS: Final = 500
ENTRY_CHARS: Final = 20_000
# Of all entries opened for one reply together.
REPLY_CHARS: Final = 60_000
NOTHING: Final = Fact("[Nothing was found]")
NO_SUCH_LETTER: Final = Fact("[No entry has this letter]")
NOT_OPEN: Final = Fact("[This entry is not available to AI]")
ENOUGH: Final = Fact("[No more can be read for this reply]")
DAY: Final = "A day as YYYY-MM-DD, or empty for any."
CITE: Final = "Where you draw on an entry, put its letter there in double brackets, such as [[C]]."


def object_of(**fields: str) -> dict[str, object]:
    """The schema of an object of these texts, each with what it means."""
    return {
        "type": "object",
        "properties": {
            name: {"type": "string", "description": words} for name, words in fields.items()
        },
        "required": list(fields),
        "additionalProperties": False,
    }


TOOLS: Final = (
    Tool(
        "search_entries",
        f"Finds passages in other entries of this person's journal that are near in meaning. {CITE}",
        object_of(query="What to look for, in a few words.", since=DAY, until=DAY),
    ),
    Tool(
        "read_entry",
        f"Opens the whole of an entry of which you were shown a part. {CITE}",
        object_of(label="The letter of the entry."),
    ),
)


@dataclass(slots=True)
class OwnEntries:
    """One reply's way into the journal. Every text it hands out has passed the reading door for this person."""

    person: AbstractUser
    tools: Sequence[Tool] = TOOLS
    left: int = field(default=REPLY_CHARS)

    def found(self, wanted: Wanted, read: Sequence[Cut]) -> Sequence[Excerpt | Fact]:
        told = arguments_of(wanted)
        match wanted.name:
            case "search_entries":
                return self.search(told, {cut.passage.ref.id for cut in read}) or [NOTHING]
            case "read_entry":
                return [self.open(number_of(told.get("label", "")), read)]
        return [NOTHING]

    def search(self, told: dict[str, str], given: set[UUID]) -> list[Excerpt | Fact]:
        """Up to four passages near the query in entries that were not given yet, nearest first."""
        query = told.get("query", "").strip()[:QUERY_CHARS]
        within = self.rows().exclude(pk__in=given)
        if (since := day_of(told.get("since", ""))) is not None:
            within = within.filter(day__gte=since)
        if (until := day_of(told.get("until", ""))) is not None:
            within = within.filter(day__lte=until)
        places = self.near(query, within) if query else {}
        passages = read_all(list(places), purpose=Purpose.REPLY, asker=self.person)
        return [
            without_quotes(passages[ref], *preview(place, len(passages[ref].text)))
            for ref, place in places.items()
            if ref in passages
        ]

    def near(self, query: str, within: NodeQuerySet) -> dict[Ref, Near]:
        """The best passage of each of the nearest entries."""
        try:
            # A model's words instead of a person's; they are given to nobody but the encoder here.
            (vector,) = gateway.embed(Typed(query), spender=self.person.pk, feature="journal")
        except CapabilityOff:
            return {}
        with rows_of(self.person.pk):
            found = embeddings.near(vector, of=self.person.pk, within=within, k=4 * FOUND)
        best: dict[Ref, Near] = {}
        for each in found:
            best.setdefault(each.ref, each)
        return dict(list(best.items())[:FOUND])

    def rows(self) -> NodeQuerySet:
        """Own words, whole and open to AI."""
        return Node.objects.editable_by(self.person).filter(
            author_kind=Node.Author.PERSON, state=Node.State.WHOLE
        ).exclude(ai_usage=AIUsage.NONE)  # fmt: skip

    def open(self, number: int, given: Sequence[Cut]) -> Excerpt | Fact:
        """The entry with this letter, as much of it as may still be read for this reply."""
        if not 0 <= number < len(given):
            return NO_SUCH_LETTER
        passage = given[number].passage
        if passage.ref.kind != Node._meta.label_lower or passage.owner_id != self.person.pk:
            return NO_SUCH_LETTER
        if self.left <= 0:
            return ENOUGH
        whole = read(passage.ref, purpose=Purpose.REPLY, asker=self.person)
        if whole is None:
            return NOT_OPEN
        end = min(len(whole.text), ENTRY_CHARS, self.left)
        self.left -= end
        return without_quotes(whole, 0, end)


def look_up_for(person: AbstractUser, node: Node, slots: Slots) -> OwnEntries | None:
    """What a model may look up for a reply to this entry; None where it may not.

    Only among one's own words: somebody else's text might ask it to. Only where nobody else will read the
    answer: it may tell of entries that they cannot see.
    """
    if node.privacy_level != PrivacyLevel.PRIVATE or not gateway.capable("embed").on:
        return None
    return OwnEntries(person) if owners_in(slots) == {person.pk} else None


def owners_in(slots: Slots) -> set[UUID]:
    """Whose texts these slots hold, quoted ones included."""
    owners: set[UUID] = set()
    for value in slots.values():
        for each in value if isinstance(value, Sequence) else [value]:
            part = each.part if isinstance(each, Said) else each
            quotes = part.quotes if isinstance(part, Excerpt) else ()
            held = [passage_in(part), *(passage_in(quote.part) for quote in quotes)]
            owners |= {passage.owner_id for passage in held if passage is not None}
    return owners


def arguments_of(wanted: Wanted) -> dict[str, str]:
    """The texts a model gave with its wish; none where it wrote something else than an object of texts."""
    try:
        told = json.loads(wanted.arguments)
    except ValueError:
        return {}
    if not isinstance(told, dict):
        return {}
    return {name: value for name, value in told.items() if isinstance(value, str)}


def day_of(words: str) -> date | None:
    try:
        return date.fromisoformat(words.strip())
    except ValueError:
        return None


def preview(place: Near, length: int) -> tuple[int, int]:
    """Where 800 characters around a passage begin and end in a text that may have changed since."""
    start = min(place.start, max(0, length - PREVIEW_CHARS))
    return start, min(length, start + PREVIEW_CHARS)
