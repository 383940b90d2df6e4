"""Trying retrieval on invented people: their texts written as people write them, their questions asked."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Final

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractUser

from accounts.actions.people import join
from accounts.models import User
from download.actions.words import index_text
from download.legs import KINDS, Place
from download.looking import Wish, enough, found_for
from download.measuring import Document, Question
from download.search import Mode, places
from writeorperish.ai.embeddings import embed_text
from writeorperish.crypto import keys
from writeorperish.events.catalog import Genre
from writeorperish.ops.refusals import Unavailable
from writeorperish.privacy.levels import AIUsage
from writeorperish.privacy.reading import SOURCES
from writeorperish.refs import Ref

MODES: Final = {"words": Mode.WORDS, "meaning": Mode.MEANING, "both": Mode.BOTH}


@dataclass(frozen=True, slots=True)
class Planted:
    """The people of a set by their names, and which document each text is."""

    people: Mapping[str, AbstractUser]
    documents: Mapping[Ref, Document]


@dataclass(frozen=True, slots=True)
class Tried:
    """Per mode what was found for each question, as ids of documents, best first; whose gate refused; foreign hits."""

    found: Mapping[str, Mapping[str, Sequence[str]]]
    refused: frozenset[str]
    foreign: int


def plant(documents: Iterable[Document]) -> Planted:
    """The documents as their owners' texts, indexed and embedded. Call in a transaction that is undone."""
    people: dict[str, AbstractUser] = {}
    planted: dict[Ref, Document] = {}
    for each in documents:
        if each.owner not in people:
            people[each.owner] = invented(each.owner)
        person = people[each.owner]
        write = SOURCES[KINDS["journal"]].write
        if write is None:
            raise Unavailable
        ref = write(
            person, title=each.title, text=each.text, at=each.written_at, ai_usage=AIUsage.CHAT
        )
        planted[ref] = each
        index_text(ref, owner_id=person.pk, genre=Genre.DIARY)
        embed_text(ref, owner_id=person.pk, genre=Genre.DIARY)
    return Planted(people, planted)


def invented(name: str) -> AbstractUser:
    person: User = get_user_model()._default_manager.create_user(
        email=f"{name}@quality.invalid", state=User.State.ACTIVE
    )
    join(person)
    keys.remember(keys.person(person.pk))
    return person


def try_out(planted: Planted, questions: Sequence[Question], *, modes: Iterable[str]) -> Tried:
    """Each question asked in each mode as search asks it, and once of the gate that stands before an answer."""
    foreign = 0
    found: dict[str, dict[str, list[str]]] = {mode: {} for mode in modes}
    refused: set[str] = set()
    for each in questions:
        person = planted.people[each.owner]
        for mode in found:
            hits = places(person, each.question, mode=MODES[mode], zone=UTC)
            foreign += sum(planted.documents[place.ref].owner != each.owner for place in hits)
            found[mode][each.id] = [known(planted, each, place) for place in hits]
        passages = found_for(person, each.question, wish=Wish(), zone=UTC)
        near = [*passages.words, *passages.meaning]
        foreign += sum(planted.documents[place.ref].owner != each.owner for place in near)
        if not enough(passages):
            refused.add(each.id)
    return Tried(found, frozenset(refused), foreign)


def known(planted: Planted, question: Question, place: Place) -> str:
    """The document a place is in; when its answer stands elsewhere in it, not that document's id."""
    id = planted.documents[place.ref].id
    parts = [part for part in question.relevant if part.id == id]
    missed = parts and not any(part.start < place.end and place.start < part.end for part in parts)
    return f"{id} elsewhere" if missed else id
