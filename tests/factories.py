"""One plain function per noun, calling the verbs."""

import io
import zipfile
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from accounts.actions.people import join
from accounts.models import Profile, User
from download.actions.items import Found, save_item
from download.fetching import Copy
from download.models.items import Item, Page
from journal.actions.nodes import Audience, write_node
from journal.models.nodes import Node
from writeorperish.crypto import keys
from writeorperish.privacy.blocks import block
from writeorperish.privacy.circles import accept, invite, make_circle
from writeorperish.privacy.models import Circle


def person(handle: str, **fields: Any) -> User:
    """Somebody admitted, with a profile of this handle."""
    user = User.objects.create_user(
        email=f"{handle}@example.org", state=User.State.ACTIVE, **fields
    )
    Profile.objects.create(person=user, handle=handle)
    join(user)
    keys.remember(keys.person(user.pk))
    return user


def befriend(owner: User, *members: User, sees_earlier: bool = False) -> Circle:
    """A circle of the owner's with these people in it."""
    circle = make_circle(owner, name=f"circle of {owner.profile.handle}")
    for member in members:
        accept(member, invite(owner, circle, member, sees_earlier=sees_earlier))
    return circle


def block_between(one: User, other: User) -> None:
    block(one, other)


def entry(
    owner: User,
    text: str = "alice's words",
    *,
    circles: tuple[Circle, ...] = (),
    parent: Node | UUID | None = None,
    **values: Any,
) -> Node:
    """An entry of this person's; at level circles when circles are named."""
    if circles:
        values.setdefault("privacy_level", "circles")
    above = parent.pk if isinstance(parent, Node) else parent
    return write_node(
        owner, text=text, parent=above, audience=Audience(circles=circles), **values
    ).node


def kept(
    owner: User,
    url: str = "https://example.org/article",
    text: str = "",
    *,
    captured_by: str = "paste",
    **values: Any,
) -> Item:
    """A link this person keeps; with `text` pasted as its page, so that nothing is fetched."""
    page = Copy(text, Page.Origin.PASTED) if text else None
    return save_item(owner, Found(url=url, page=page, **values), captured_by=captured_by).item


def public(node: Node) -> Node:
    """The entry made public the way moderation will: the level is a column, and no verb opens it yet."""
    Node.objects.filter(pk=node.pk).update(privacy_level="public")
    node.refresh_from_db()
    return node


def zipped(files: Mapping[str, str | bytes]) -> bytes:
    """A zip of these files, by their names."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()
