"""Who did what to whose things: append-only, each entry bound to the one before it."""

import hashlib
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from writeorperish.audit.chain import GENESIS
from writeorperish.crypto import keys
from writeorperish.crypto.fields import EncryptedJSONField, Sealed, sealed_checks
from writeorperish.refs import Ref, new_id

HOUSE_CHAINS = ("staff", "system")


class KeptJSONField(EncryptedJSONField[object | None, object | None]):
    """Sealed once and for all: the entry's hash covers the sealed bytes, so saving must not seal anew."""

    def pre_save(self, model_instance: models.Model, add: bool) -> Sealed | None:
        value = model_instance.__dict__.get(self.attname)
        if isinstance(value, Sealed) and value.place == self.place_of(model_instance):
            return value
        return super().pre_save(model_instance, add)


class EntryQuerySet(models.QuerySet["Entry"]):
    def about(self, ref: Ref) -> Self:
        return self.filter(object_kind=ref.kind, object_id=ref.id)


class Entry(models.Model):
    """One act in one chain. Nothing in it is ever updated or deleted; triggers refuse."""

    # Rotating keys leaves these rows as they are: their old key stays readable as long as they stand.
    append_only = True

    class ActorKind(models.TextChoices):
        PERSON = "person", _("person")
        AI = "ai", _("AI")
        APP = "app", _("app")
        STAFF = "staff", _("staff")
        SYSTEM = "system", _("system")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    # A person's uid, or one of HOUSE_CHAINS. No foreign key: the chain outlives the account.
    chain = models.CharField(max_length=40)
    seq = models.BigIntegerField()
    at = models.DateTimeField()
    actor_kind = models.CharField(max_length=6, choices=ActorKind.choices)
    actor_id = models.UUIDField(null=True)
    action = models.CharField(max_length=60)
    object_kind = models.CharField(max_length=60, blank=True)
    object_id = models.UUIDField(null=True)
    purpose = models.CharField(max_length=40, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    detail = KeptJSONField(null=True)
    commit = models.BinaryField(max_length=32)
    prev = models.BinaryField(max_length=32)
    hash = models.BinaryField(max_length=32)

    objects = EntryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = _("entries")
        constraints = [
            models.UniqueConstraint(fields=["chain", "seq"], name="audit_entry_place"),
            models.CheckConstraint(
                condition=Q(actor_kind__in=["person", "ai", "app", "staff", "system"]),
                name="audit_entry_actor_kind",
            ),
            *sealed_checks("audit_entry", "detail"),
        ]
        indexes = [
            models.Index(fields=["object_id", "at"], name="audit_entry_object"),
            models.Index(fields=["at"], name="audit_entry_at"),
        ]

    def __str__(self) -> str:
        return f"{self.chain} {self.seq}"

    def seal(self, detail: object) -> None:
        """The detail is sealed now, before the entry is hashed."""
        self.detail = detail
        field = self._meta.get_field("detail")
        self.detail = field.pre_save(self, add=True)  # type: ignore[union-attr]  # a column of ours

    @property
    def sealed_digest(self) -> bytes:
        """The SHA256 of the sealed detail, empty without one. Neither opens it."""
        sealed = self.__dict__.get("detail")
        return hashlib.sha256(sealed.bytes).digest() if isinstance(sealed, Sealed) else b""

    @property
    def key_holder(self) -> str:
        """Under whose key the detail is sealed."""
        return keys.SERVER if self.chain in HOUSE_CHAINS else keys.person(self.chain)


class Head(models.Model):
    """The end of one chain. Appending locks it."""

    chain = models.CharField(max_length=40, primary_key=True)
    seq = models.BigIntegerField(default=0)
    hash = models.BinaryField(max_length=32, default=GENESIS)

    def __str__(self) -> str:
        return f"{self.chain} {self.seq}"


class Anchor(models.Model):
    """The ends of all chains at one moment, signed. `heads`: those that moved since the anchor before."""

    number = models.PositiveBigIntegerField(primary_key=True)
    at = models.DateTimeField()
    merkle_root = models.BinaryField(max_length=32)
    count = models.PositiveBigIntegerField()
    previous = models.BinaryField(max_length=32)
    heads = models.JSONField()
    signature = models.BinaryField(max_length=64)

    def __str__(self) -> str:
        return f"anchor {self.number}"
