"""Sound as pages show it: a player, and the drawing of how loud it is."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from journal.actions.recordings import sounds_of
from journal.models.nodes import Node
from journal.models.recordings import Recording
from journal.transcription import clock
from writeorperish.crypto.envelope import CannotOpen

WIDTH, MIDDLE = 400, 24


@dataclass(frozen=True, slots=True)
class Player:
    """What can be played: its file, how long it is, and its loudness as the path of a drawing."""

    blob: UUID
    length: str
    wave: str
    holes: bool


Players = Mapping[UUID, Sequence[Player]]


def players_of(nodes: Iterable[Node]) -> Players:
    """Per entry what was spoken for it. One query."""
    return {
        node: [player for each in spoken if (player := player_of(each))]
        for node, spoken in sounds_of(list(nodes)).items()
    }


def player_of(recording: Recording) -> Player | None:
    """None while there is nothing to play. Without its drawing where that does not open."""
    if recording.blob_id is None:
        return None
    try:
        peaks = recording.peaks or []
    except CannotOpen:
        peaks = []
    return Player(recording.blob_id, clock(recording.duration_ms), wave(peaks), recording.holes > 0)


def wave(peaks: Sequence[int]) -> str:
    """One line a step, from 0 to 100 loud, in a box of 400 by 48 around its middle."""
    step = WIDTH / max(1, len(peaks))
    return "".join(
        f"M{index * step:.1f} {MIDDLE - half:.1f}V{MIDDLE + half:.1f}"
        for index, half in enumerate(max(peak * 0.23, 0.5) for peak in peaks)
    )
