"""Every fact of the house, on one page.

Facts stay readable for ever: names never change, a new field has a default, a retired class remains.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from writeorperish.events.facts import Fact, Name
from writeorperish.refs import Ref


class Genre(StrEnum):
    """Why a text exists. A character who needs a sword must not become the author's intention."""

    DIARY = "diary"
    ANSWER = "answer"  # the AI's words
    FICTION = "fiction"
    READING = "reading"
    WISH = "wish"


# People and privacy


@dataclass(frozen=True)
class PersonJoined(Fact):
    """Somebody has an account; they may still wait to be admitted."""

    whose: ClassVar[str] = "person"
    person: UUID


@dataclass(frozen=True)
class Admitted(Fact):
    whose: ClassVar[str] = "person"
    person: UUID


@dataclass(frozen=True)
class PersonLeaving(Fact):
    """They may still come back within their days of grace."""

    whose: ClassVar[str] = "person"
    person: UUID


@dataclass(frozen=True)
class AccountErased(Fact):
    whose: ClassVar[str] = "person"
    person: UUID


@dataclass(frozen=True)
class ConsentWithdrawn(Fact):
    whose: ClassVar[str] = "person"
    person: UUID
    purpose: Name


@dataclass(frozen=True)
class Blocked(Fact):
    whose: ClassVar[str] = "blocker"
    blocker: UUID
    blocked: UUID


@dataclass(frozen=True)
class Unblocked(Fact):
    whose: ClassVar[str] = "blocker"
    blocker: UUID
    blocked: UUID


@dataclass(frozen=True)
class AudienceChanged(Fact):
    """Of a text or a circle. `widened`: somebody may see now who could not before."""

    ref: Ref
    owner: UUID
    widened: bool


@dataclass(frozen=True)
class AIUsageChanged(Fact):
    ref: Ref
    owner: UUID
    genre: Genre


# Texts


@dataclass(frozen=True)
class TextWritten(Fact):
    """A text stands: new, imported, or back from the trash."""

    ref: Ref
    owner: UUID
    genre: Genre


@dataclass(frozen=True)
class TextRewritten(Fact):
    """The words of a text that stood are others now."""

    ref: Ref
    owner: UUID
    genre: Genre


@dataclass(frozen=True)
class TextEmbedded(Fact):
    """Vectors of the current words stand."""

    ref: Ref
    owner: UUID
    genre: Genre


@dataclass(frozen=True)
class TextErased(Fact):
    """Trashed or gone; what grew from it went in the same transaction."""

    ref: Ref
    owner: UUID


@dataclass(frozen=True)
class ImportUploaded(Fact):
    """A file is here and wants to be checked; nothing of it is an entry yet."""

    ref: Ref
    owner: UUID


@dataclass(frozen=True)
class ImportConfirmed(Fact):
    """Its person has read the report and said yes."""

    ref: Ref
    owner: UUID


@dataclass(frozen=True)
class ImportRetracted(Fact):
    """Its person takes the whole import back."""

    ref: Ref
    owner: UUID


@dataclass(frozen=True)
class ImportFinished(Fact):
    ref: Ref
    owner: UUID


@dataclass(frozen=True)
class RecordingClosed(Fact):
    """All of it that will come is here, and it can be put together."""

    ref: Ref
    owner: UUID


@dataclass(frozen=True)
class RecordingFinished(Fact):
    """Its sound can be played, and its words are where they belong, as far as there are any."""

    ref: Ref
    owner: UUID


@dataclass(frozen=True)
class ExportAsked(Fact):
    """Somebody wants everything they wrote, or what they keep to read, as a file."""

    ref: Ref
    owner: UUID


# What somebody keeps to read


@dataclass(frozen=True)
class ItemSaved(Fact):
    """A link is kept that was not before."""

    ref: Ref
    owner: UUID


@dataclass(frozen=True)
class PageWanted(Fact):
    """The text of a link's page is to be fetched from its address. `paced`: its turn at the site has come."""

    ref: Ref
    owner: UUID
    paced: bool = False


@dataclass(frozen=True)
class FeedDue(Fact):
    """A source of links is to be read. `by_hand`: its person waits for it."""

    ref: Ref
    owner: UUID
    by_hand: bool = False


@dataclass(frozen=True)
class ItemReviewed(Fact):
    """Its person saw a link, or a highlight in it, again and said when to see it next."""

    ref: Ref
    owner: UUID


# AI


@dataclass(frozen=True)
class AIPaused(Fact):
    """Somebody wants nothing given to any model until they say otherwise."""

    whose: ClassVar[str] = "person"
    person: UUID


@dataclass(frozen=True)
class JobQueued(Fact):
    job: UUID
    owner: UUID


@dataclass(frozen=True)
class VerdictGiven(Fact):
    """Somebody took or left a suggestion of this kind, and something may have been learned from it."""

    owner: UUID
    kind: Name
    outcome: Name
