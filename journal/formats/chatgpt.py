"""Conversations of a ChatGPT export: the branch last seen, and the others beside it."""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from journal.formats.dates import instant_of
from journal.formats.found import AI, BRANCH, PERSON, Found, Unreadable
from writeorperish.ops.records import Record, line_in, list_in, record_in, text_in

SOURCE = "chatgpt"
MODEL = "ChatGPT"
MODEL_CHARS = 80
TITLE_CHARS = 200
LONG_AGO = datetime(1900, 1, 1, tzinfo=UTC)

AUTHORS = {"user": PERSON, "assistant": AI}
ALL = "all"
# What a model thinks to itself, what tools answer, and settings that travel as messages.
UNSPOKEN_KINDS = frozenset(
    {
        "thoughts",
        "reasoning_recap",
        "user_editable_context",
        "model_editable_context",
        "execution_output",
        "system_error",
        "tether_quote",
        "tether_browsing_code",
        "tether_browsing_display",
    }
)
UNSPOKEN_CHANNELS = frozenset({"analysis"})

# A citation is a name and its arguments between two private characters, a third between each of them.
CITATION = re.compile("(?P<space>[ ]*)\ue200(?P<inside>[^\ue200\ue201\n]*)\ue201")
BETWEEN = "\ue202"
PRIVATE = re.compile("[\ue200-\ue20f]")
TICKS = re.compile("`+")


@dataclass(frozen=True, slots=True, repr=False)
class Turn:
    """What one side said to the other. at: as the message says, None when it does not."""

    author: str
    model: str
    text: str
    at: datetime | None
    notes: tuple[str, ...]


def rows(
    record: object, *, label: str, take: Collection[str], now: datetime
) -> Iterator[Found | Unreadable]:
    """The conversation's turns, parents first: the path to `current_node`, then the other branches.

    take: the optional kinds that are wanted; without BRANCH the path alone. A turn that was not
    spoken passes its place on to the one above it, and one without a time takes the time above it,
    at last the conversation's. `not_conversation`, `no_turns`.
    """
    if not isinstance(record, dict) or not isinstance(record.get("mapping"), dict):
        yield Unreadable(ordinal=0, label=label, reason="not_conversation")
        return
    nodes = {str(id): node for id, node in record["mapping"].items() if isinstance(node, dict)}
    turns = dict(_turns(record, nodes, now))
    title = line_in(record, "title")[:TITLE_CHARS]
    if not turns:
        yield Unreadable(ordinal=0, label=title or label, reason="no_turns")
        return
    conversation = line_in(record, "conversation_id") or line_in(record, "id")
    tree = Tree.of(nodes)
    path = _path_last_seen(tree, turns, line_in(record, "current_node"))
    on_path = set(path)
    taken = tree.parents_first(path) if BRANCH in take else path
    spoken_above: dict[str, str] = {"": ""}
    times: dict[str, datetime | None] = {"": instant_of(record.get("create_time"), now=now)}
    for id in taken:
        above = "" if id == path[0] else tree.above[id]
        turn = turns.get(id)
        times[id] = (turn.at if turn else None) or times[above]
        spoken_above[id] = id if turn else spoken_above[above]
        if turn is None:
            continue
        parent = spoken_above[above]
        yield Found(
            ordinal=0,
            source=SOURCE,
            label=title or label,
            key=f"{conversation}/{id}",
            parent_key=f"{conversation}/{parent}" if parent else "",
            text=turn.text,
            author=turn.author,
            model=turn.model,
            title="" if parent else title,
            written_at=times[id],
            optional="" if id in on_path else BRANCH,
            notes=(*turn.notes, *([] if times[id] else ["no_date"])),
        )


@dataclass(frozen=True, slots=True, repr=False)
class Tree:
    """Which message stands above which, and below; "" above a root. Links that lead nowhere are cut."""

    above: Mapping[str, str]
    below: Mapping[str, list[str]]

    @classmethod
    def of(cls, nodes: Mapping[str, Record]) -> "Tree":
        above = {}
        below: dict[str, list[str]] = {id: [] for id in nodes}
        for id, node in nodes.items():
            parent = node.get("parent")
            above[id] = parent if isinstance(parent, str) and parent in nodes else ""
            if above[id]:
                below[above[id]].append(id)
        return cls(above, below)

    def upwards(self, id: str) -> Iterator[str]:
        """The message and those above it. Ends where a circle closes."""
        seen = {""}
        while id not in seen:
            yield id
            seen.add(id)
            id = self.above[id]

    def parents_first(self, path: Iterable[str]) -> list[str]:
        """The path, then every other message after the one above it; a circle beside the path is left out."""
        order = list(path)
        known = set(order)
        order += [id for id, above in self.above.items() if not above and id not in known]
        known.update(order)
        for id in order:
            fresh = [child for child in self.below[id] if child not in known]
            known.update(fresh)
            order += fresh
        return order


def _path_last_seen(tree: Tree, turns: Mapping[str, Turn], current: str) -> list[str]:
    """From a root down to where the person was last: as the file says, else the newest end. Never empty."""
    if current in tree.above:
        path = [*tree.upwards(current)]
        if not turns.keys().isdisjoint(path):
            return path[::-1]
    leaves = [id for id, below in tree.below.items() if not below]
    last_said = [next((id for id in tree.upwards(leaf) if id in turns), "") for leaf in leaves]
    ends = [id for id in last_said if id] or list(turns)
    newest = max(reversed(ends), key=lambda end: _time_of(tree, turns, end))
    return [*tree.upwards(newest)][::-1]


def _time_of(tree: Tree, turns: Mapping[str, Turn], end: str) -> datetime:
    times = (turns[id].at for id in tree.upwards(end) if id in turns)
    return next((at for at in times if at), LONG_AGO)


def _turns(
    conversation: Record, nodes: Mapping[str, Record], now: datetime
) -> Iterator[tuple[str, Turn]]:
    """The messages that somebody said to the other side, by their ids."""
    for id, node in nodes.items():
        message = record_in(node, "message")
        author = AUTHORS.get(line_in(record_in(message, "author"), "role"))
        if author is None or not _is_spoken(message):
            continue
        text, notes = _said(record_in(message, "content"))
        if text:
            model = _model(message, conversation) if author == AI else ""
            at = instant_of(message.get("create_time"), now=now)
            yield id, Turn(author, model, text, at, notes)


def _is_spoken(message: Record) -> bool:
    hidden = record_in(message, "metadata").get("is_visually_hidden_from_conversation")
    return (
        hidden is not True
        and line_in(message, "recipient") in {"", ALL}
        and line_in(message, "channel") not in UNSPOKEN_CHANNELS
        and line_in(record_in(message, "content"), "content_type") not in UNSPOKEN_KINDS
    )


def _model(message: Record, conversation: Record) -> str:
    named = line_in(record_in(message, "metadata"), "model_slug")
    return (named or line_in(conversation, "default_model_slug") or MODEL)[:MODEL_CHARS]


def _said(content: Record) -> tuple[str, tuple[str, ...]]:
    """The words of a message, "" when it has none, and notes of what is no words."""
    if line_in(content, "content_type") == "code":
        return _fenced(text_in(content, "text"), line_in(content, "language")), ()
    pieces: list[str] = []
    notes: dict[str, None] = {}
    for part in list_in(content, "parts"):
        if isinstance(part, str):
            pieces.append(text_in({"part": part}, "part"))
        elif isinstance(part, dict):
            words, note = _part(part)
            pieces.append(words)
            notes |= dict.fromkeys([note] if note else [])
    if "parts" not in content:
        pieces.append(text_in(content, "text"))
    shown = (without_citations(piece).strip("\n").rstrip() for piece in pieces)
    return "\n\n".join(each for each in shown if each.strip()), tuple(notes)


def _part(part: Record) -> tuple[str, str]:
    """The words that stand for something other than text, and a note."""
    kind = line_in(part, "content_type")
    if kind == "image_asset_pointer":
        return "[image]", "media_left_out"
    if "audio" in kind and kind.endswith("asset_pointer"):
        return "", "recordings_left_out"
    return text_in(part, "text"), ""


def _fenced(code: str, language: str) -> str:
    if not code.strip():
        return ""
    longest = max((len(run) for run in TICKS.findall(code)), default=0)
    ticks = "`" * max(3, longest + 1)
    named = language if language.isalnum() and language != "unknown" else ""
    return f"{ticks}{named}\n{code.strip(chr(10)).rstrip()}\n{ticks}"


def without_citations(text: str) -> str:
    """The text as it was shown: marks for sources gone, words that were only marked still there."""
    if not PRIVATE.search(text):
        return text
    return PRIVATE.sub("", CITATION.sub(_shown, text))


def _shown(citation: re.Match[str]) -> str:
    kind, *arguments = citation["inside"].split(BETWEEN)
    words = ""
    if kind == "entity" and arguments:
        words = _second(arguments[0])
    elif kind == "url" and arguments:
        words = arguments[0]
    return citation["space"] + words if words else ""


def _second(listed: str) -> str:
    """The name of an entity, which comes as a JSON list of its kind, its name and more."""
    try:
        match json.loads(listed):
            case [_, str(name), *_]:
                return name
    except (ValueError, RecursionError):
        pass
    return ""
