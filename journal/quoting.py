"""Quote markers and #tags in a text: where they stand. Parsing only; what a marker shows is decided by sight."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from uuid import UUID

import regex

MARKERS_RESOLVED = 200
TAGS = 30
TAG_CHARS = 50

MARKER = regex.compile(
    r"\{quote:(?P<target>[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"
    r"(?:@(?P<rev>[0-9]{1,9}):(?P<start>[0-9]{1,9})-(?P<end>[0-9]{1,9}))?\}"
)
MARK = regex.compile(r" ?\[(?P<n>[0-9]{1,4})\]")
NOTE = regex.compile(
    r"(?P<n>[0-9]{1,4}) (?P<kind>[a-z_.]+):(?P<id>[0-9a-f-]{36}) (?P<rev>[0-9]+) (?P<start>[0-9]+)-(?P<end>[0-9]+)"
)
ENTRY = "journal.node"
TAG = regex.compile(r"(?<![\p{L}\p{M}\p{N}_#&/\\])#(?P<name>[\p{L}\p{N}_][\p{L}\p{M}\p{N}_/-]*)")
LETTER = regex.compile(r"\p{L}")
ADDRESS = regex.compile(
    r"(?<![a-zA-Z0-9+.-])[a-zA-Z][a-zA-Z0-9+.-]{1,30}://\S+"
    r"|\b(?:www\.|mailto:)\S+"
    r"|(?<=\])\(\s*(?:<[^<>\n]*>|[^\s()]*(?:\([^\s()]*\)[^\s()]*)*)"  # [words](here#part)
    r"|\[\[[^\[\]\n]*\]\]"
    r"|^ {0,3}\[[^\[\]\n]+\]:[ \t]*\S+",
    regex.MULTILINE,
)

CONTAINER = r"(?:[ \t]*(?:>|[-*+][ \t]|[0-9]{1,9}[.)][ \t]))*+[ \t]*+"
FENCE = regex.compile(CONTAINER + r"(?P<run>`{3,}+(?!.*`)|~{3,})")
QUOTED = regex.compile(r"[ ]{0,3}>")
LIST_ITEM = regex.compile(r"[ ]{0,3}(?:[-*+]|[0-9]{1,9}[.)])(?:[ \t]|$)")
INDENTED = regex.compile(r"(?: {4}| {0,3}\t)")
TICKS = regex.compile(r"(?P<escape>\\+)?(?P<run>`+)")
BLANK = "\0"


@dataclass(frozen=True, slots=True)
class Quoted:
    """A marker at text[at:until], pointing at an entry and, when rev is not None, at a passage of it.

    start and end count code points of the quoted entry as it was in that revision.
    """

    target: UUID
    rev: int | None
    start: int | None
    end: int | None
    at: int
    until: int


def quotes_in(text: str) -> list[Quoted]:
    """The first 200 quote markers outside code, in order. A passage of no length is no marker."""
    if "{quote:" not in text:
        return []
    found: list[Quoted] = []
    for match in MARKER.finditer(without_code(text)):
        quoted = _quoted(match)
        if quoted is not None:
            found.append(quoted)
        if len(found) == MARKERS_RESOLVED:
            break
    return found


def quote_marker(target: UUID, passage: tuple[int, int, int] | None = None) -> str:
    """The marker for an entry, or for a passage of it: (rev, start, end)."""
    if passage is None:
        return f"{{quote:{target}}}"
    rev, start, end = passage
    return f"{{quote:{target}@{rev}:{start}-{end}}}"


def with_markers(text: str, notes: Iterable[str]) -> str:
    """The text with a quote marker in place of each mark [n] that a note explains, on a line of its own.

    A note is `n kind:id rev start-end`; of passages that are no entries the mark goes, and of what is no note.
    """
    markers = {}
    for note in notes:
        if match := NOTE.fullmatch(note):
            passage = (int(match["rev"]), int(match["start"]), int(match["end"]))
            entry = match["kind"] == ENTRY
            markers[match["n"]] = quote_marker(UUID(match["id"]), passage) if entry else ""
    shown = MARK.sub(
        lambda mark: f"\n\n{markers[mark['n']]}\n\n" if mark["n"] in markers else mark[0], text
    )
    return "\n\n".join(part.strip() for part in shown.split("\n\n") if part.strip())


def tags_in(text: str) -> list[str]:
    """Up to 30 tags, without their #, in order and as first written; `#Piano` and `#piano` are one.

    A tag has letters, digits, `-_/`, at least one letter, at most 50 characters, and stands neither
    in code nor in an address; the # of a heading is none.
    """
    if "#" not in text:
        return []
    found: dict[str, str] = {}
    for match in TAG.finditer(_blanked(ADDRESS, without_code(text))):
        name = match["name"].rstrip("-/_")
        if len(name) <= TAG_CHARS and LETTER.search(name):
            found.setdefault(tag_key(name), name)
        if len(found) == TAGS:
            break
    return list(found.values())


def tag_key(name: str) -> str:
    """What two spellings of one tag have in common."""
    return name.casefold()


def without_code(text: str) -> str:
    """The text with every character of code as NUL, so that places in it stay what they are.

    Code is what CommonMark calls so: fences, also in quotes and lists, indented blocks, and runs of
    backticks within one paragraph. Linear.
    """
    if "`" not in text and "~~~" not in text and "    " not in text and "\t" not in text:
        return text
    lines = text.split("\n")
    code = _code_lines(lines)
    starts = list(accumulate((len(line) + 1 for line in lines), initial=0))
    shown = list(text)
    for i, line in enumerate(lines):
        if code[i]:
            shown[starts[i] : starts[i] + len(line)] = BLANK * len(line)
    _blank_spans(shown, lines, code, starts)
    return "".join(shown)


def _quoted(match: regex.Match[str]) -> Quoted | None:
    target = UUID(match["target"])
    if match["rev"] is None:
        return Quoted(target, None, None, None, match.start(), match.end())
    start, end = int(match["start"]), int(match["end"])
    if start >= end:
        return None
    return Quoted(target, int(match["rev"]), start, end, match.start(), match.end())


def _blanked(what: regex.Pattern[str], text: str) -> str:
    return what.sub(lambda match: BLANK * len(match.group()), text)


def _code_lines(lines: list[str]) -> list[bool]:
    code = []
    fence = ""
    fence_quoted = in_list = False
    after_blank = True
    for line in lines:
        if fence and not (fence_quoted and not QUOTED.match(line)):
            code.append(True)
            if _closes(line, fence):
                fence = ""
            after_blank = False
            continue
        fence = ""
        opening = FENCE.match(line)
        if INDENTED.match(line) and not in_list and (after_blank or (code and code[-1])):
            code.append(bool(line.strip()) or bool(code and code[-1]))
            continue
        if opening:
            fence, fence_quoted = opening["run"], bool(QUOTED.match(line))
            code.append(True)
            continue
        code.append(False)
        if line.strip():
            in_list = bool(LIST_ITEM.match(line)) or (
                in_list and (not after_blank or line[0] in " \t")
            )
        after_blank = not line.strip()
    return code


def _closes(line: str, fence: str) -> bool:
    end = line.lstrip(" \t>").rstrip(" \t")
    return len(end) >= len(fence) and set(end) == {fence[0]}


def _blank_spans(shown: list[str], lines: list[str], code: list[bool], starts: list[int]) -> None:
    """Blanks inline code: a run of backticks up to the next run of the same length, in one paragraph."""
    paragraph: list[int] = []
    for i, line in enumerate([*lines, ""]):
        if i < len(lines) and line.strip() and not code[i]:
            paragraph.append(i)
            continue
        runs = [
            (starts[n] + match.start("run"), len(match["run"]), len(match["escape"] or "") % 2 == 1)
            for n in paragraph
            for match in TICKS.finditer(lines[n])
        ]
        for start, end in _spans(runs):
            shown[start:end] = BLANK * (end - start)
        paragraph = []


def _spans(runs: list[tuple[int, int, bool]]) -> list[tuple[int, int]]:
    """runs: (place, length, escaped), rising. A backslash takes one backtick off an opening run only."""
    coming: dict[int, list[int]] = {}
    for i in range(len(runs) - 1, -1, -1):
        coming.setdefault(runs[i][1], []).append(i)
    spans = []
    i = 0
    while i < len(runs):
        place, length, escaped = runs[i]
        opening = length - escaped
        closers = coming.get(opening, [])
        while closers and closers[-1] <= i:
            closers.pop()
        if opening and closers:
            last = closers[-1]
            spans.append((place + escaped, runs[last][0] + runs[last][1]))
            i = last
        i += 1
    return spans
