"""The wrapped data keys, and the sealed files."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from writeorperish.refs import new_id


class DataKey(models.Model):
    """One random key of one holder, as the key service wrapped it. Destroyed, it is a name without bytes."""

    class Kind(models.TextChoices):
        SEAL = "seal"
        INDEX = "index"

    class State(models.TextChoices):
        ACTIVE = "active"
        OLD = "old"
        DESTROYED = "destroyed"

    id = models.BigAutoField(primary_key=True)
    holder = models.CharField(max_length=80)
    kind = models.CharField(max_length=5, choices=Kind)
    wrapped = models.BinaryField()
    kek = models.CharField(max_length=300)
    state = models.CharField(max_length=9, choices=State, default=State.ACTIVE)
    created_at = models.DateTimeField(default=timezone.now)
    replaced_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["holder", "kind"],
                condition=models.Q(state="active"),
                name="crypto_datakey_one_active",
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=["seal", "index"]), name="crypto_datakey_kind"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["active", "old", "destroyed"]),
                name="crypto_datakey_state",
            ),
            models.CheckConstraint(
                condition=models.Q(state="destroyed", wrapped=b"")
                | (~models.Q(state="destroyed") & ~models.Q(wrapped=b"")),
                name="crypto_datakey_destroyed_is_empty",
            ),
            models.CheckConstraint(
                condition=models.Q(state="active", replaced_at=None)
                | (~models.Q(state="active") & models.Q(replaced_at__isnull=False)),
                name="crypto_datakey_replaced_at",
            ),
        ]
        indexes = [
            models.Index(fields=["holder", "kind"], name="crypto_datakey_holder"),
            models.Index(fields=["kek", "id"], name="crypto_datakey_kek"),
        ]

    def __str__(self) -> str:
        return f"data key {self.pk}"


class Blob(models.Model):
    """One sealed file: where it lies, and whose it is. Its bytes are in the storage, never here."""

    class State(models.TextChoices):
        PENDING = "pending"
        STORED = "stored"
        DOOMED = "doomed"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    # An erased person's files lose their owner and are swept; the row must outlive the account until then.
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", db_index=True
    )
    # Random, so that no name a person gave is ever part of a path.
    storage_key = models.CharField(max_length=32, unique=True)
    key = models.BigIntegerField()
    media_type = models.CharField(max_length=100)
    bytes = models.BigIntegerField()
    mac = models.BinaryField(max_length=32)
    state = models.CharField(max_length=7, choices=State, default=State.PENDING)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["pending", "stored", "doomed"]),
                name="crypto_blob_state",
            ),
            models.CheckConstraint(condition=models.Q(bytes__gte=0), name="crypto_blob_bytes"),
        ]
        indexes = [
            models.Index(fields=["key"], name="crypto_blob_key"),
            models.Index(
                fields=["created_at"],
                condition=~models.Q(state="stored"),
                name="crypto_blob_unsettled",
            ),
        ]

    def __str__(self) -> str:
        return f"blob {self.pk}"
