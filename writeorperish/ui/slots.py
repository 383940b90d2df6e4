"""Holes in pages that other features fill, so that no feature names another's URL."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from django.urls import reverse

from writeorperish.ops.refusals import Words

HOLES: Final = frozenset(
    {
        "rail",
        "write.aside",
        "entry.actions",
        "entry.below",
        "share.beside",
        "settings.index",
        "dashboard.cards",
        "palette.actions",
    }
)


@dataclass(frozen=True, slots=True)
class Slot:
    hole: str
    url_name: str
    title: Words


@dataclass(frozen=True, slots=True)
class OpenSlot:
    """One filling as a template shows it. `id` names its region, `url` answers with that region."""

    id: str
    title: Words
    url: str


_slots: dict[tuple[str, str], Slot] = {}


def slot(hole: str, *, url_name: str, title: Words) -> None:
    """From now on the hole shows what stands at that URL. Saying it twice changes nothing."""
    if hole not in HOLES:
        raise ValueError(f"There is no hole {hole}; there are {', '.join(sorted(HOLES))}.")
    _slots[hole, url_name] = Slot(hole, url_name, title)


def open_slots(hole: str, **ids: object) -> list[OpenSlot]:
    """What fills this hole, in the order of registration, each URL carrying the ids as its query.

    NoReverseMatch when a filling names a URL that does not exist.
    """
    if hole not in HOLES:
        raise ValueError(f"There is no hole {hole}; there are {', '.join(sorted(HOLES))}.")
    query = f"?{urlencode(ids)}" if ids else ""
    return [
        OpenSlot(
            id=f"slot-{each.url_name.replace(':', '-')}",
            title=each.title,
            url=reverse(each.url_name) + query,
        )
        for each in _slots.values()
        if each.hole == hole
    ]


def fillings() -> list[Slot]:
    """Every filling that was registered."""
    return list(_slots.values())
