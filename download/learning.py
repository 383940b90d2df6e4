"""What is learned about which links somebody wants suggested, and the traits it is learned by."""

from typing import Final

from django.utils.translation import gettext_lazy as _

from download import addresses, lexicon
from download.models.items import Item
from writeorperish.ai.verdicts import Learned, Outcome, Trait
from writeorperish.crypto import blind, keys

KIND: Final = "recommendation"
LINK: Final = "link"
HIGHLIGHT: Final = "highlight"
FORMS: Final = {LINK: _("whole links"), HIGHLIGHT: _("highlights")}

RECOMMENDATION: Final = Learned(
    kind=KIND,
    goal=0.30,
    shares={"site": 0.40, "tags": 0.35, "kind": 0.25},
    outcomes={
        "opened": Outcome(1, 1),
        "quoted": Outcome(1, 2),
        "not_now": Outcome(0, 0.25),
        "never": Outcome(0, 2),
        "ignored": Outcome(0, 0.1),
    },
    least=0.6,
    most=1.2,
    words={
        "site": _("links from %(label)s"),
        "tags": _("links tagged “%(label)s”"),
        "kind": _("%(label)s beside what you write"),
    },
)


def traits_of(item: Item, form: str) -> list[Trait]:
    """What is true of this link as a suggestion in this form, LINK or HIGHLIGHT. Opens no word.

    Its tags come along with the row.
    """
    site = [Trait("site", item.site_key)] if item.site_key is not None else []
    tags = [Trait("tags", tag.name_key) for tag in item.tags.all()]
    return [*site, *tags, form_trait(item, form)]


def traits_in_words(item: Item, form: str) -> dict[Trait, str]:
    """The same traits, each with the label its person knows it by."""
    host = addresses.host_of(item.url) if item.url else ""
    site = {Trait("site", item.site_key): lexicon.site(host).word} if item.site_key and host else {}
    tags = {Trait("tags", tag.name_key): tag.name for tag in item.tags.all()}
    return {**site, **tags, form_trait(item, form): str(FORMS[form])}


def form_trait(item: Item, form: str) -> Trait:
    return Trait("kind", blind.token(keys.person(item.owner_id), f"learned:{KIND}", form))
