"""The data keys of each holder: made once, unwrapped once per process, forgotten after ten minutes.

A holder is `person:<uid>`, `conversation:<id>` or `case:<id>`. Each has two active keys: `seal`, under which
things are sealed, and `index`, under which they are compared without being opened.
"""

import base64
import binascii
import secrets
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from uuid import UUID

import structlog
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from writeorperish.crypto.envelope import CannotOpen, key_id_of, open_sealed, seal
from writeorperish.crypto.keyring import KEY_BYTES, Key, KeyCache, Kind, Tally
from writeorperish.crypto.kms import (
    Context,
    KeyService,
    KeyServiceDown,
    LocalKeys,
    MasterKeyMissing,
    Wrapped,
)
from writeorperish.crypto.models import DataKey
from writeorperish.crypto.services import service, wrapping_service

log = structlog.get_logger()

CALLS_AT_ONCE = 8
SERVER = "server"

tally = Tally()
cache = KeyCache(tally)
# Keys made in a transaction that is still open. If it rolls back they never existed, so nothing may go on
# being sealed under them; sequences never give an id twice, so what stays here after a rollback is harmless.
uncommitted: set[int] = set()


def person(uid: UUID | str) -> str:
    """The holder's name of a person."""
    return f"person:{uid}"


def person_of(holder: str) -> UUID | None:
    """The person this holder is; None for a conversation, a case or the server."""
    kind, _colon, uid = holder.partition(":")
    return UUID(uid) if kind == "person" else None


def data_key(holder: str, kind: Kind) -> Key:
    """The holder's active key, made together with its sibling when the holder has none.

    KeyServiceDown when the key service is needed and silent. Nothing when cached; else one query and one
    call to the key service, two calls for a new holder.
    """
    key = cache.active_of(holder, kind)
    if key is not None:
        return key
    row = active_rows(holder).filter(kind=kind).first() or made_keys(holder)[kind]
    key = unwrapped([row]).get(row.id)
    if key is None:
        raise CannotOpen(reason="altered_key", key=row.id)
    if key.id not in uncommitted:
        cache.point(key)
    return key


def remember(holder: str) -> None:
    """Makes the keys of a holder who is gone if this transaction is undone, remembered before it ends.

    Without it each use of a key costs a query until then. Only for somebody invented for a trial: nobody else
    may go on sealing under a key that might never have existed.
    """
    for key in unwrapped(list(made_keys(holder).values())).values():
        uncommitted.discard(key.id)
        cache.point(key)


def key_by_id(key_id: int) -> Key:
    """The key a sealed value names. CannotOpen when it is gone, KeyServiceDown when it cannot be had now."""
    key = cache.get(key_id) or keys_by_id([key_id]).get(key_id)
    if key is None:
        raise CannotOpen(reason="key_gone", key=key_id)
    return key


def keys_by_id(key_ids: Iterable[int]) -> dict[int, Key]:
    """The keys of these ids that still exist and unwrap. One query for all that are not cached."""
    wanted = set(key_ids)
    found = {key_id: key for key_id in wanted if (key := cache.get(key_id)) is not None}
    missing = [key_id for key_id in wanted - found.keys() if key_id < 2**63]
    if missing:
        rows = DataKey.objects.filter(id__in=missing).exclude(state=DataKey.State.DESTROYED)
        found |= unwrapped(list(rows))
    return found


def active_rows(holder: str) -> QuerySet[DataKey]:
    return DataKey.objects.filter(holder=holder, state=DataKey.State.ACTIVE)


def made_keys(holder: str) -> dict[str, DataKey]:
    """The holder's active rows by kind: made here, or by whoever was faster.

    Both kinds are made at once and in one order, so that two transactions never wait for each other.
    """
    kinds = ("seal", "index")
    rows = [new_row(id, holder, kind) for id, kind in zip(new_ids(len(kinds)), kinds, strict=True)]
    uncommitted.update(row.id for row in rows)
    # Waits for a rival transaction, then leaves its keys standing: the unique constraint decides.
    DataKey.objects.bulk_create(rows, ignore_conflicts=True)
    transaction.on_commit(partial(uncommitted.difference_update, [row.id for row in rows]))
    return {row.kind: row for row in active_rows(holder)}


def new_ids(count: int) -> list[int]:
    """So many ids no row ever had: a wrapped key is bound to its own before it is saved. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence('crypto_datakey', 'id')) FROM generate_series(1, %s)",
            [count],
        )
        return [int(id) for (id,) in cursor.fetchall()]


def new_row(id: int, holder: str, kind: str) -> DataKey:
    """An unsaved active row with a fresh key of 256 random bits, wrapped. One call to the key service."""
    material = secrets.token_bytes(KEY_BYTES)
    wrapped = ready_service().wrap(material, Context(holder, id))
    tally.wraps += 1
    cache.put(Key(id, holder, kind, material))
    return DataKey(
        id=id,
        holder=holder,
        kind=kind,
        wrapped=wrapped.sealed,
        kek=wrapped.kek,
        state=DataKey.State.ACTIVE,
    )


def unwrapped(rows: Sequence[DataKey]) -> dict[int, Key]:
    """The rows' keys by id, cached from now on; a row whose wrapped key was altered is left out and logged."""
    found = {row.id: key for row in rows if (key := cache.get(row.id)) is not None}
    rest = [row for row in rows if row.id not in found]
    tally.unwraps += len(rest)
    if len(rest) > 1 and any(not row.kek.startswith("local:") for row in rest):
        with ThreadPoolExecutor(max_workers=CALLS_AT_ONCE) as pool:
            keys = list(pool.map(unwrap, rest))
    else:
        keys = [unwrap(row) for row in rest]
    for key in keys:
        if key is not None:
            cache.put(key)
            found[key.id] = key
    return found


def unwrap(row: DataKey) -> Key | None:
    """The row's key, asked of the key service; None when the wrapped bytes were altered."""
    context = Context(row.holder, row.id)
    try:
        material = service(row.kek).unwrap(Wrapped(row.kek, bytes(row.wrapped)), context)
    except CannotOpen:
        log.error("crypto.key_altered", key=row.id)  # noqa: TRY400  # the refusal says no more
        return None
    return Key(row.id, row.holder, row.kind, material)


def ready_service() -> KeyService:
    """The service that wraps new keys; on the very first use of a local one, with a master key just made.

    MasterKeyMissing when data keys exist that only a lost master key could open: a new one would hide that.
    """
    chosen = wrapping_service()
    if isinstance(chosen, LocalKeys) and not chosen.master_keys():
        if DataKey.objects.exclude(state=DataKey.State.DESTROYED).exists():
            log.error("crypto.master_key_missing")
            raise MasterKeyMissing
        chosen.make_first()
    return chosen


def require_master_key() -> None:
    """Nothing, or ImproperlyConfigured with what to do: for commands that start the site."""
    newest = DataKey.objects.exclude(state=DataKey.State.DESTROYED).order_by("-id").first()
    if newest is None:
        ready_service()
        return
    try:
        key = unwrap(newest)
    except MasterKeyMissing:
        raise ImproperlyConfigured(
            f"The master key {newest.kek} is missing, and entries sealed with it exist. Set MASTER_KEY or "
            "MASTER_KEY_FILE to it, or put its file back into the data folder. Nothing was changed."
        ) from None
    except KeyServiceDown:
        raise ImproperlyConfigured(
            f"The key service of {newest.kek} does not answer; check KEY_SERVICE and its settings."
        ) from None
    if key is None:
        raise ImproperlyConfigured(f"The newest data key, {newest.id}, does not open.")


def healthy() -> bool:
    """Whether the key service opens the newest data key now; the cache is not asked. For /ready."""
    newest = DataKey.objects.exclude(state=DataKey.State.DESTROYED).order_by("-id").first()
    if newest is None:
        return True
    try:
        return unwrap(newest) is not None
    except KeyServiceDown:
        return False


def made_at(holder: str) -> datetime:
    """When the holder's active `seal` key was made, which may be now."""
    data_key(holder, "seal")
    return active_rows(holder).get(kind="seal").created_at


def replaced_ids(holder: str) -> list[int]:
    """The ids of the holder's replaced `seal` keys that still open things."""
    rows = DataKey.objects.filter(holder=holder, kind="seal", state=DataKey.State.OLD)
    return list(rows.values_list("id", flat=True))


def replace_seal_key(holder: str) -> DataKey:
    """The holder's new `seal` row, under which everything is sealed from now on; the one before it is old.

    Other processes go on sealing under the old one for up to ten minutes. One call to the key service,
    before the transaction.
    """
    data_key(holder, "seal")
    (id,) = new_ids(1)
    new = new_row(id, holder, "seal")
    with transaction.atomic():
        uncommitted.add(new.id)
        active_rows(holder).filter(kind="seal").select_for_update().get()
        active_rows(holder).filter(kind="seal").update(
            state=DataKey.State.OLD, replaced_at=timezone.now()
        )
        new.save(force_insert=True)
        forget(holder)
        transaction.on_commit(partial(uncommitted.discard, new.id))
    return new


def rewrap(row: DataKey, to: KeyService) -> bool:
    """Whether the row's key now lies under a master key of `to`; False when somebody else changed the row.

    The key itself stays, and so does everything sealed under it. CannotOpen when its bytes were altered.
    """
    key = unwrap(row)
    if key is None:
        raise CannotOpen(reason="altered_key", key=row.id)
    wrapped = to.wrap(key.material, Context(row.holder, row.id))
    tally.wraps += 1
    same = DataKey.objects.filter(id=row.id, wrapped=bytes(row.wrapped))
    return same.update(wrapped=wrapped.sealed, kek=wrapped.kek) == 1


def destroy_old(key_ids: Sequence[int]) -> int:
    """How many replaced keys were overwritten for good. Only ever ids under which nothing is sealed any more."""
    rows = DataKey.objects.filter(id__in=key_ids, state=DataKey.State.OLD)
    return rows.update(state=DataKey.State.DESTROYED, wrapped=b"")


def destroy(holder: str) -> int:
    """How many keys the holder had. All are overwritten, then deleted: what they sealed never opens again.

    Here at once, in other processes after ten minutes.
    """
    with transaction.atomic():
        rows = DataKey.objects.filter(holder=holder)
        rows.update(state=DataKey.State.DESTROYED, wrapped=b"", replaced_at=timezone.now())
        number, _by_model = rows.delete()
        forget(holder)
    return number


def forget(holder: str) -> None:
    """No key of the holder is left in this process: now, and again once the transaction is through."""
    cache.drop(holder)
    transaction.on_commit(partial(cache.drop, holder))


def seal_server_secret(purpose: str, text: str) -> str:
    """The text in base64, sealed under the server's own key and bound to its purpose. For secrets of no row."""
    key = data_key(SERVER, "seal")
    sealed = seal(key.cipher("text"), key.id, text.encode(), server_place(purpose))
    return base64.b64encode(sealed).decode()


def open_server_secret(purpose: str, sealed_text: str) -> str:
    """The text again. CannotOpen when it was altered, or sealed for another purpose."""
    try:
        sealed = base64.b64decode(sealed_text, validate=True)
    except (binascii.Error, ValueError):
        raise CannotOpen(reason="malformed") from None
    key = key_by_id(key_id_of(sealed))
    return open_sealed(key.cipher("text"), key.id, sealed, server_place(purpose)).decode()


def server_place(purpose: str) -> bytes:
    return f"wop1|{SERVER}|{purpose}".encode()
