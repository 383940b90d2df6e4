"""Rules on what is never suggested: saying one, and taking it back."""

from uuid import UUID

from django.contrib.auth.models import AbstractUser
from django.db import models, transaction

from download import addresses, lexicon
from download.actions.naming import title_of
from download.models.items import Item, Tag
from download.models.recommendations import Mute
from writeorperish.audit.log import record
from writeorperish.ops.refusals import Missing
from writeorperish.refs import Ref


def mutes_of(person: AbstractUser) -> models.QuerySet[Mute]:
    """The person's rules, newest first."""
    return Mute.objects.filter(owner=person.pk).order_by("-made_at", "-id")


def mute_item(person: AbstractUser, item: Item) -> Mute:
    """The link is not suggested any more. Missing when it is not the person's."""
    own = own_item(person, item)
    return keep(person, Mute(scope=Mute.Scope.ITEM, item=own, label=title_of(own)))


def mute_site(person: AbstractUser, item: Item) -> Mute:
    """Nothing from this link's site is suggested any more. Missing when it has none."""
    own = own_item(person, item)
    host = addresses.host_of(own.url) if own.url else ""
    if own.site_key is None or not host:
        raise Missing
    label = lexicon.site(host).word
    return keep(person, Mute(scope=Mute.Scope.SITE, key=own.site_key, label=label))


def mute_tag(person: AbstractUser, tag: Tag) -> Mute:
    """Nothing with this tag is suggested any more. Missing when it is not the person's."""
    own = Tag.objects.filter(owner=person.pk, pk=tag.pk).first()
    if own is None:
        raise Missing
    return keep(person, Mute(scope=Mute.Scope.TAG, key=own.name_key, label=own.name))


@transaction.atomic
def unmute(person: AbstractUser, mute_id: UUID) -> None:
    """The rule is gone. Missing when there is none."""
    gone, _rows = Mute.objects.filter(owner=person.pk, pk=mute_id).delete()
    if not gone:
        raise Missing
    record(person, "mute.lift", Ref(Mute._meta.label_lower, mute_id), of=person.pk)


def own_item(person: AbstractUser, item: Item) -> Item:
    own = Item.objects.editable_by(person).select_related("page").filter(pk=item.pk).first()
    if own is None:
        raise Missing
    return own


@transaction.atomic
def keep(person: AbstractUser, mute: Mute) -> Mute:
    """The rule as it stands; said twice it is one."""
    mute.owner_id = person.pk
    Mute.objects.bulk_create([mute], ignore_conflicts=True)
    standing = Mute.objects.filter(owner=person.pk, scope=mute.scope)
    standing = standing.filter(item=mute.item_id) if mute.item_id else standing.filter(key=mute.key)
    kept = standing.get()
    if kept.pk == mute.pk:
        record(person, "mute.make", Ref.to(kept), of=person.pk, detail={"scope": str(mute.scope)})
    return kept
