"""Quoted entries in a text: each reader sees as much of them as of the entries themselves."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from journal.models.nodes import Node
from journal.quoting import MARKER, Quoted, quotes_in
from writeorperish.crypto.envelope import CannotOpen
from writeorperish.privacy.models import Viewer
from writeorperish.privacy.reading import seen
from writeorperish.ui.prose import END, PLACE, excerpt, place, render, render_with

EXCERPT_CHARS = 200


@dataclass(frozen=True, slots=True)
class Quotes:
    """What the quote markers of one page point at, as far as its reader may know."""

    readable: dict[UUID, Node]
    deleted: frozenset[UUID]

    def render(self, text: str) -> SafeString:
        """The text as HTML with a card for each marker outside code."""
        found = quotes_in(text) if PLACE not in text and END not in text else []
        if not found:
            return render(text)
        pieces, until = [], 0
        for number, quoted in enumerate(found):
            pieces += [text[until : quoted.at], place(number)]
            until = quoted.until
        pieces.append(text[until:])
        return render_with("".join(pieces), [self.card(quoted) for quoted in found])

    def card(self, quoted: Quoted) -> SafeString:
        node = self.readable.get(quoted.target)
        context: dict[str, object] = {"node": node, "deleted": quoted.target in self.deleted}
        if node is not None:
            context |= passage_of(node, quoted)
        return SafeString(render_to_string("journal/quote.html", context).strip())


NONE = Quotes({}, frozenset())


def quotes_of(texts: Iterable[str], person: Viewer) -> Quotes:
    """The quotes of all these texts. No query without a marker, else two, and the readings of others' entries.

    Entries that were never there, are not this reader's to see or only were before a block look alike.
    """
    targets = {quoted.target for text in texts for quoted in quotes_in(text)}
    if not targets:
        return NONE
    rows = Node.objects.visible_to(person).with_people().in_bulk(list(targets))
    tombs = Node.objects.with_tombstones_to(person).filter(pk__in=targets - rows.keys())
    seen(person, rows.values())
    return Quotes(rows, frozenset(tombs.values_list("pk", flat=True)))


def passage_of(node: Node, quoted: Quoted) -> dict[str, object]:
    """What the card shows of the entry: the quoted passage while it stands there, else its beginning."""
    try:
        body = node.body or ""
    except CannotOpen:
        return {"words": "", "at": ""}
    if quoted.rev == node.rev and quoted.start is not None and quoted.end is not None:
        words, at = body[quoted.start : quoted.end], f"?at={quoted.start}-{quoted.end}"
    else:
        words, at = body, ""
    # A quote inside a quote is no more than that.
    return {"words": excerpt(MARKER.sub("[…]", words), EXCERPT_CHARS), "at": at}
