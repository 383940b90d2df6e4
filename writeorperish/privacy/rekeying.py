"""Changing keys while the site runs: the verbs behind the commands for it.

Every walk may be stopped at any point and started again: what it did is read from the rows themselves, and
that it had begun from the audit log.
"""

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q
from django.utils import timezone

from writeorperish.audit.log import SYSTEM, Detail, record
from writeorperish.audit.models import Entry
from writeorperish.crypto import columns, keys, storage
from writeorperish.crypto.columns import Column, Moved
from writeorperish.crypto.envelope import CannotOpen
from writeorperish.crypto.kms import KeyService, LocalKeys
from writeorperish.crypto.models import Blob, DataKey
from writeorperish.crypto.services import service, wrapping_service
from writeorperish.privacy.walls import rows_of
from writeorperish.refs import Ref

log = structlog.get_logger()

# A backup up to 30 days old must open with the newest set of keys, so a replaced key outlives it by a day.
KEPT_AFTER_REPLACING = timedelta(days=31)
NEW_MASTER_KEY = "local:new"
BEGUN, DONE = "keys.rotation_begun", "keys.rotated"

Told = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a change of keys moved: values, files, and what could not be opened and stays as it is."""

    values: int = 0
    files: int = 0
    unopened: int = 0

    def __add__(self, other: "Rotation") -> "Rotation":
        return Rotation(
            self.values + other.values, self.files + other.files, self.unopened + other.unopened
        )


def rotate_person(person: AbstractUser) -> Rotation:
    """Everything of this person lies under a new `seal` key; the `index` key is only wrapped anew.

    The old key stays readable. Interrupted, the next call goes on with the key already made. What other
    processes seal meanwhile may still be under the old key: they forget it within ten minutes.
    """
    begun = unfinished(str(person.pk))
    if begun is None:
        begun = timezone.now()
        record(None, BEGUN, Ref.to(person), of=person.pk)
    holder = keys.person(person.pk)
    if keys.made_at(holder) < begun:
        keys.replace_seal_key(holder)
    rewrap_index_key(holder)
    rotation = reseal_values(person.pk) + reseal_files(person.pk)
    # Without a detail: it would lie under the new key for ever, and keep it from being destroyed one day.
    record(None, DONE, Ref.to(person), of=person.pk)
    return rotation


def rotate_everybody(told: Told) -> Rotation:
    """The same for every person, and the end of replaced keys nothing needs. Goes on where it was interrupted."""
    begun = unfinished(SYSTEM)
    if begun is None:
        begun = timezone.now()
        record(None, BEGUN, None, of=SYSTEM)
    rotation = Rotation()
    people = get_user_model()._default_manager.all()
    for number, person in enumerate(people.order_by("pk").iterator(chunk_size=500), start=1):
        if not done_since(person.pk, begun):
            rotation += rotate_person(person)
        if number % 100 == 0:
            told(f"{number} people, {rotation.values} values, {rotation.files} files")
    destroyed = destroy_unused_keys()
    detail = {"values": rotation.values, "files": rotation.files, "destroyed": destroyed}
    record(None, DONE, None, of=SYSTEM, detail=detail)
    return rotation


def unfinished(chain: str) -> datetime | None:
    """When a change of keys began that has not ended, by the audit log."""
    entries = Entry.objects.filter(chain=chain, action__in=[BEGUN, DONE])
    last = entries.order_by("-seq").values_list("action", "at").first()
    return last[1] if last and last[0] == BEGUN else None


def done_since(person_id: UUID, begun: datetime) -> bool:
    return Entry.objects.filter(chain=str(person_id), action=DONE, at__gte=begun).exists()


def rewrap_index_key(holder: str) -> None:
    for row in DataKey.objects.filter(holder=holder, kind="index", state=DataKey.State.ACTIVE):
        keys.rewrap(row, wrapping_service())


def reseal_values(owner_id: UUID) -> Rotation:
    """Every value of this owner that lies under a replaced key, moved to the active one."""
    holder = keys.person(owner_id)
    key = keys.data_key(holder, "seal")
    replaced = keys.replaced_ids(holder)
    moved = Moved()
    for column in columns.sealed_columns():
        if not getattr(column.model, "append_only", False):
            with door(column, owner_id):
                moved += columns.reseal(column, key, replaced, owner_id=owner_id)
    return Rotation(values=moved.sealed, unopened=moved.unopened)


def reseal_files(owner_id: UUID) -> Rotation:
    replaced = keys.replaced_ids(keys.person(owner_id))
    blobs = Blob.objects.filter(owner=owner_id, key__in=replaced)
    rotation = Rotation()
    for blob in list(blobs.exclude(state=Blob.State.DOOMED)):
        try:
            rotation += Rotation(files=int(storage.reseal(blob)))
        except CannotOpen:
            rotation += Rotation(unopened=1)
    return rotation


def door(column: Column, owner_id: UUID) -> AbstractContextManager[None]:
    """Inside it the column's table shows this owner's rows, even if it is walled."""
    return rows_of(owner_id) if columns.walled(column) else nullcontext()


def destroy_unused_keys(now: datetime | None = None) -> int:
    """How many replaced keys were destroyed: those 31 days old that no value, file or log entry lies under."""
    before = (now or timezone.now()) - KEPT_AFTER_REPLACING
    rows = DataKey.objects.filter(state=DataKey.State.OLD, replaced_at__lt=before)
    replaced = dict(rows.values_list("id", "holder"))
    used = keys_in_use(replaced) if replaced else set()
    return keys.destroy_old([key_id for key_id in replaced if key_id not in used])


def keys_in_use(replaced: dict[int, str]) -> set[int]:
    """Which of these keys, by id and holder, something still lies under. One scan of each table."""
    used = set(Blob.objects.filter(key__in=replaced).values_list("key", flat=True))
    for column in columns.sealed_columns():
        if not columns.walled(column):
            used |= columns.keys_in(column)
            continue
        for key_id, holder in replaced.items():
            owner_id = keys.person_of(holder)
            with rows_of(owner_id) if owner_id else nullcontext():
                if columns.values_under(column, [key_id]).exists():
                    used.add(key_id)
    return used


@dataclass(frozen=True, slots=True)
class Rewrapping:
    """How many data keys lie under the new master key now, and how many could not be opened."""

    kek: str
    keys: int
    unopened: int


def rewrap_everything(to: str, told: Told) -> Rewrapping:
    """Every data key wrapped by the master key `to`; nothing sealed changes.

    `local:new` makes a new local master key first, `local` means the one that wraps now; `aws:<key>` and
    `gcp:<key>` name another service. ValueError when there is no such key. The old master key must stay
    until this is done, and for the eight days that backups of the keys are kept.
    """
    target, kek = master_key(to)
    waiting = DataKey.objects.exclude(state=DataKey.State.DESTROYED).exclude(kek=kek)
    done, unopened, last = 0, 0, 0
    while rows := list(waiting.filter(id__gt=last).order_by("id")[: columns.BATCH]):
        for row in rows:
            try:
                done += keys.rewrap(row, target)
            except CannotOpen:
                unopened += 1
        last = rows[-1].id
        told(f"{done} keys")
    detail: Detail = {"service": kek.partition(":")[0], "keys": done, "unopened": unopened}
    record(None, "keys.rewrapped", None, of=SYSTEM, detail=detail)
    return Rewrapping(kek, done, unopened)


def master_key(to: str) -> tuple[KeyService, str]:
    """The service of a master key, and the name rows carry that lie under it."""
    chosen = service("local:" if to == "local" else to)
    if not isinstance(chosen, LocalKeys):
        return chosen, to
    if to == NEW_MASTER_KEY:
        return chosen, chosen.make_next()
    first = next(iter(chosen.master_keys()), "")
    if not first or to not in {"local", "local:", first}:
        raise ValueError(f"The local master key that wraps is {first or 'not made yet'}, not {to}.")
    return chosen, first


@dataclass
class Backfill:
    """How many plain values there were, were sealed, were blanked, and differ from what is sealed already."""

    found: int = 0
    sealed: int = 0
    blanked: int = 0
    differing: int = 0


def count_plain(column: Column, source: models.Field[Any, Any]) -> int:
    return plain_rows(column.model, source).count()


def encrypt_column(column: Column, source: models.Field[Any, Any], told: Told) -> Backfill:
    """The plain column's values are sealed in `column` and blanked where they were.

    Each is read back and compared before its source is blanked. A row whose sealed value says something
    else keeps both. Batches of 500, to be repeated at will.
    """
    result = Backfill()
    for batch in columns.batches(plain_rows(column.model, source), source.attname):
        rows = column.model._base_manager.in_bulk([pk for pk, _plain in batch])
        for pk, plain in batch:
            result.found += 1
            if pk in rows:
                encrypt_value(rows[pk], column, source, plain, result)
        told(f"{result.sealed} sealed, {result.blanked} blanked")
    detail = {"sealed": result.sealed, "blanked": result.blanked, "differing": result.differing}
    record(None, "keys.column_sealed", None, of=SYSTEM, detail=detail)
    return result


def plain_rows(model: type[models.Model], source: models.Field[Any, Any]) -> models.QuerySet[Any]:
    """The rows that still have something in a plain column."""
    rows = model._base_manager.exclude(**{f"{source.name}__isnull": True})
    return rows.exclude(**{source.name: ""}) if source.empty_strings_allowed else rows


def encrypt_value(
    row: models.Model,
    column: Column,
    source: models.Field[Any, Any],
    plain: object,
    result: Backfill,
) -> None:
    same = type(row)._base_manager.filter(pk=row.pk, **{source.name: plain})
    if row.__dict__[column.attname] is None:
        setattr(row, column.name, plain)
        unsealed = same.filter(**{f"{column.name}__isnull": True})
        result.sealed += unsealed.update(**{column.name: column.pre_save(row, add=False)})
    if not reads_as(type(row)._base_manager.get(pk=row.pk), column, plain):
        result.differing += 1
        return
    result.blanked += same.update(**{source.name: None if source.null else ""})


def reads_as(stored: models.Model, column: Column, plain: object) -> bool:
    try:
        return bool(getattr(stored, column.name) == plain)
    except CannotOpen:
        return False


@dataclass
class Verification:
    """What was opened, by key; where something did not open; and plain columns that are not empty."""

    opened: int = 0
    by_key: Counter[int] = field(default_factory=Counter)
    closed: list[str] = field(default_factory=list)
    plain: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not self.closed and not self.plain


def verify(sample: int | None = None) -> Verification:
    """Whether every sealed value and file opens; of each column and of the files `sample` random ones, if given.

    A model names its plain columns in `PLAIN_TWINS: {sealed: plain}`; those must be empty.
    """
    result = Verification()
    for column in columns.sealed_columns():
        if columns.walled(column):
            for owner_id in get_user_model()._default_manager.values_list("pk", flat=True):
                with rows_of(owner_id):
                    verify_column(column, sample, result)
        else:
            verify_column(column, sample, result)
        verify_twin(column, result)
    verify_files(sample, result)
    return result


def verify_column(column: Column, sample: int | None, result: Verification) -> None:
    rows = column.model._base_manager.filter(**{f"{column.name}__isnull": False})
    if sample is not None:
        rows = rows.filter(pk__in=list(rows.order_by("?").values_list("pk", flat=True)[:sample]))
    for batch in columns.batches(rows, column.attname):
        for pk, sealed in batch:
            if columns.opened(column, pk, sealed) is None:
                result.closed.append(f"{column.model._meta.db_table}.{column.column} {pk}")
            else:
                result.opened += 1
                result.by_key[columns.key_of(sealed)] += 1


def verify_twin(column: Column, result: Verification) -> None:
    twin = getattr(column.model, "PLAIN_TWINS", {}).get(column.name)
    for plain in column.model._meta.concrete_fields:
        if plain.name == twin and (number := plain_rows(column.model, plain).count()):
            result.plain.append(f"{column.model._meta.db_table}.{plain.column}: {number} rows")


def verify_files(sample: int | None, result: Verification) -> None:
    blobs = Blob.objects.filter(~Q(state=Blob.State.DOOMED), owner__isnull=False)
    chosen = blobs.order_by("?")[:sample] if sample is not None else blobs.order_by("pk")
    for blob in chosen.iterator(chunk_size=100) if sample is None else chosen:
        try:
            for _piece in storage.pieces(blob, 0, blob.bytes):
                continue
        except CannotOpen:
            result.closed.append(f"blob {blob.pk}")
        else:
            result.opened += 1
            result.by_key[blob.key] += 1
