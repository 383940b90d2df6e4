"""Lines of somebody's chain in words: who, what, about which entry, on which day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.contrib.auth import get_user_model
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from writeorperish.audit.models import Entry
from writeorperish.refs import Ref

VERBS = {
    "admit": gettext_lazy("Your account was admitted"),
    "ai_usage": gettext_lazy("AI use changed"),
    "allowance.set": gettext_lazy("Your AI budget was changed by hand"),
    "ask_ai": gettext_lazy("AI was asked"),
    "ask_archive": gettext_lazy("Your archive was asked"),
    "audience": gettext_lazy("Audience changed"),
    "block.lift": gettext_lazy("Somebody was unblocked"),
    "block.make": gettext_lazy("Somebody was blocked"),
    "circle.accept": gettext_lazy("An invitation to a circle was accepted"),
    "circle.change": gettext_lazy("A circle was changed"),
    "circle.decline": gettext_lazy("An invitation to a circle was declined"),
    "circle.end": gettext_lazy("A circle was ended"),
    "circle.invite": gettext_lazy("Somebody was invited to a circle"),
    "circle.leave": gettext_lazy("A circle was left"),
    "circle.make": gettext_lazy("A circle was made"),
    "circle.remove": gettext_lazy("Somebody was removed from a circle"),
    "delete": gettext_lazy("Deleted for good"),
    "edit": gettext_lazy("Edited"),
    "erase": gettext_lazy("Erased"),
    "export.ask": gettext_lazy("An export was asked for"),
    "export.fetch": gettext_lazy("An export was downloaded"),
    "feed.add": gettext_lazy("You connected a source of links"),
    "feed.pause": gettext_lazy("You paused a source of links"),
    "feed.remove": gettext_lazy("You removed a source of links"),
    "feed.resume": gettext_lazy("You had a source of links read again"),
    "fetch": gettext_lazy("Its page was fetched"),
    "import": gettext_lazy("Imported"),
    "import.begin": gettext_lazy("A file was sent to be imported"),
    "import.cancel": gettext_lazy("An import was stopped"),
    "import.confirm": gettext_lazy("An import was begun"),
    "import.retract": gettext_lazy("An import was taken back"),
    "instructions.give": gettext_lazy("You told AI how to talk with you"),
    "instructions.take_back": gettext_lazy("You took back how AI should talk with you"),
    "join": gettext_lazy("Your account was made"),
    "learned.forget": gettext_lazy("You had suggestions forget what they learned"),
    "library.decide": gettext_lazy("You decided on what you keep to read"),
    "mute.lift": gettext_lazy("You let something be suggested again"),
    "mute.make": gettext_lazy("You said what is not to be suggested"),
    "portrait.decide": gettext_lazy("You decided on what AI proposed"),
    "profile": gettext_lazy("Your profile was changed"),
    "read": gettext_lazy("Read by a model on this server"),
    "restore": gettext_lazy("Restored"),
    "review": gettext_lazy("You said when to see it again"),
    "review.pace": gettext_lazy("You changed how you review"),
    "review.spread": gettext_lazy("You spread out what was due"),
    "review.undo": gettext_lazy("You took back when to see it again"),
    "seen": gettext_lazy("Opened"),
    "token.begin": gettext_lazy("An app signed in"),
    "token.end": gettext_lazy("An app was signed out"),
    "trash": gettext_lazy("Deleted"),
    "write": gettext_lazy("Written"),
}


ABOUT = {
    "download.conversation": gettext_lazy("a conversation with your archive"),
    "download.question": gettext_lazy("a question to your archive"),
    "download.highlight": gettext_lazy("a highlight"),
    "download.item": gettext_lazy("a link"),
    "download.tag": gettext_lazy("a tag"),
    "journal.node": gettext_lazy("an entry"),
    "journal.note": gettext_lazy("a note for your profile"),
    "journal.monthdigest": gettext_lazy("a month of your profile"),
    "journal.portrait": gettext_lazy("your profile"),
}


@dataclass(frozen=True, slots=True)
class Line:
    on: date
    who: str
    what: str
    about: str
    url: str


def lines(person: User, entries: Sequence[Entry]) -> list[Line]:
    """The entries in words, one query for the names of everybody in them."""
    ids = {entry.actor_id for entry in entries if entry.actor_id and entry.actor_id != person.pk}
    others = get_user_model()._default_manager.filter(pk__in=ids).select_related("profile")
    names = {other.pk: other.profile.shown_name for other in others}
    return [line(person, entry, names) for entry in entries]


def line(person: User, entry: Entry, names: dict[UUID, str]) -> Line:
    return Line(
        on=entry.at.date(),
        who=who(person, entry, names),
        what=str(VERBS.get(entry.action, entry.action)),
        about=str(ABOUT.get(entry.object_kind, "")),
        url=url_of(entry),
    )


def who(person: User, entry: Entry, names: dict[UUID, str]) -> str:
    if entry.actor_id == person.pk:
        return _("You")
    if entry.actor_id is not None:
        return names.get(entry.actor_id, _("someone who left"))
    return _("This server")


def url_of(entry: Entry) -> str:
    """The page of the row, without asking whether it still stands: its page says so."""
    if not entry.object_kind or entry.object_id is None:
        return ""
    try:
        model = Ref(entry.object_kind, entry.object_id).model
    except LookupError:
        return ""
    address = getattr(model, "get_absolute_url", None)
    return str(address(model(pk=entry.object_id))) if address else ""
