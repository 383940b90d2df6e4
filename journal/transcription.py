"""The words of a recording as text: in order, with a line for each stretch that nobody understood."""

from collections.abc import Iterable

from django.utils.translation import gettext as _

from journal.models.recordings import TranscriptPart


def clock(ms: int) -> str:
    """`12:05`, or `1:02:05` from an hour on."""
    minutes, seconds = divmod(ms // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def gap_line(part: TranscriptPart) -> str:
    """What stands in the text for a stretch without words, until somebody tries it again."""
    between = f"{clock(part.start_ms)}–{clock(part.end_ms)}"  # from and to
    return _("[%(between)s not written down: listen]") % {"between": between}


def words_of(part: TranscriptPart) -> str:
    return part.text if part.state == TranscriptPart.State.DONE else gap_line(part)


def joined(parts: Iterable[TranscriptPart]) -> str:
    """All parts as paragraphs; a stretch of silence leaves none."""
    return "\n\n".join(filter(None, map(words_of, parts)))


def with_words(text: str, parts: Iterable[TranscriptPart]) -> str:
    """The text with what it does not have yet of these parts: in the place of their lines, else at the end.

    Words that were handed over before are not added again, whatever became of them in the text.
    """
    fresh = []
    for part in parts:
        if part.delivered:
            continue
        line, words = gap_line(part), words_of(part)
        if line in text:
            text = text.replace(line, words, 1)
        elif words:
            fresh.append(words)
    return "\n\n".join([*filter(None, [text.rstrip() if fresh else text]), *fresh])
