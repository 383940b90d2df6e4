"""What the gateway takes and what it refuses with."""

from dataclasses import dataclass, field

from django.utils.translation import gettext_lazy as _

from writeorperish.ops.refusals import Conflict
from writeorperish.privacy.reading import Passage


@dataclass(frozen=True, slots=True)
class Cut:
    """A stretch of a passage, with a head of our making before it: what one vector stands for."""

    passage: Passage
    start: int
    end: int
    head: str = field(default="", repr=False)

    @property
    def words(self) -> str:
        text = self.passage.text[self.start : self.end]
        return f"{self.head}\n{text}" if self.head else text


@dataclass(frozen=True, slots=True)
class Typed:
    """What the acting person typed just now."""

    words: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Capable:
    """Whether something can be done now; if not, `why` is a short code and `words` the sentence to show."""

    on: bool
    why: str = ""

    @property
    def words(self) -> str:
        return str(WHY_NOT.get(self.why, ""))


WHY_NOT = {
    "not_installed": _("Search by meaning is off: its language model is not installed."),
    "file_missing": _("Search by meaning is off: a file of its language model is missing."),
    "file_differs": _("Search by meaning is off: a file of its language model is damaged."),
    "paused": _("Search by meaning is paused on this server."),
}


class CapabilityOff(Conflict):
    code = "capability_off"
    words = _("This is not available on this server.")


class NotAllowed(Conflict):
    code = "not_allowed"
    words = _("AI may not read this. Nothing was sent.")
