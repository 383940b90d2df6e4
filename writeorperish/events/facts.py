"""What a fact may be made of: ids, numbers, enums and names of our own, never a word of anybody's."""

import dataclasses
import json
import re
from collections.abc import Mapping
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, ClassVar, get_args, get_origin, get_type_hints
from uuid import UUID

from writeorperish.refs import Ref

Json = str | int | float | bool | None | list["Json"]

LARGEST_FACT_BYTES = 4096
NAME = re.compile(r"[a-z][a-z0-9_]*([.:-][a-z0-9_]+)*")
LONGEST_NAME = 64

# What we called a purpose, a kind or a platform: the only strings a fact may hold.
Name = Annotated[str, NAME]

FACTS: dict[str, type["Fact"]] = {}


@dataclasses.dataclass(frozen=True)
class Fact:
    """Something that happened, told by ids and numbers. A subclass is a frozen dataclass in `catalog.py`.

    TypeError at the definition of one that has a field of any other type. `whose` names the field that holds
    the person it happened to; empty when there is none.
    """

    whose: ClassVar[str] = "owner"

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for field, kind in kinds(cls).items():
            if not is_plain(kind):
                raise TypeError(
                    f"{cls.__name__}.{field} is neither an id, a number, an enum nor a Name"
                )
        if cls.__name__ in FACTS:
            raise TypeError(f"There is a fact {cls.__name__} already")
        FACTS[cls.__name__] = cls

    @property
    def person_id(self) -> UUID | None:
        """Whom it happened to."""
        return getattr(self, self.whose) if self.whose else None


def kinds(fact: type[Fact]) -> dict[str, object]:
    """The type of each field, by name."""
    hints = get_type_hints(fact, include_extras=True)
    return {name: hint for name, hint in hints.items() if get_origin(hint) is not ClassVar}


def is_plain(kind: object) -> bool:
    if isinstance(kind, UnionType):
        rest = [each for each in get_args(kind) if each is not NoneType]
        return len(rest) == 1 and is_plain(rest[0])
    if get_origin(kind) is tuple:
        inner = get_args(kind)
        return len(inner) == 2 and inner[1] is Ellipsis and is_plain(inner[0])
    if get_origin(kind) is Annotated:
        return kind == Name
    return kind in {UUID, Ref, int, float, bool} or (
        isinstance(kind, type) and issubclass(kind, Enum)
    )


def encode(fact: Fact) -> dict[str, Json]:
    """The fields of a fact as JSON.

    TypeError when a value is not what its field says, ValueError above 4 kB; neither repeats the value.
    """
    facts = {}
    for field, kind in kinds(type(fact)).items():
        try:
            facts[field] = encoded(kind, getattr(fact, field))
        except TypeError as error:
            raise TypeError(f"{type(fact).__name__}.{field}: {error}") from None
    size = len(json.dumps(facts))
    if size > LARGEST_FACT_BYTES:
        raise ValueError(f"{type(fact).__name__} has {size} bytes, more than {LARGEST_FACT_BYTES}")
    return facts


def decode(name: str, facts: Mapping[str, Json]) -> Fact:
    """The fact as it was told.

    Fields that have gone since are left out, fields that are new have their defaults. LookupError for a
    name nobody ever released.
    """
    fact = FACTS[name]
    known = kinds(fact)
    return fact(
        **{field: decoded(known[field], raw) for field, raw in facts.items() if field in known}
    )


def encoded(kind: object, value: object) -> Json:
    if isinstance(kind, UnionType):
        return None if value is None else encoded(without_none(kind), value)
    if get_origin(kind) is tuple:
        if not isinstance(value, tuple):
            raise TypeError("not a tuple")
        return [encoded(get_args(kind)[0], each) for each in value]
    if kind == Name:
        return own_name(value)
    if kind is float and type(value) is int:
        return float(value)
    if isinstance(value, bool) is not (kind is bool) or not isinstance(value, kind):  # type: ignore[arg-type]  # is_plain
        raise TypeError("not of the type the catalogue says")
    if isinstance(value, Enum):
        return str(value.value) if isinstance(value.value, str) else int(value.value)
    return value if isinstance(value, int | float) else str(value)


def own_name(value: object) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_NAME or not NAME.fullmatch(value):
        raise TypeError("not a name of ours")
    return str(value)


def decoded(kind: object, raw: Json) -> object:
    if isinstance(kind, UnionType):
        return None if raw is None else decoded(without_none(kind), raw)
    if isinstance(raw, list):
        return tuple(decoded(get_args(kind)[0], each) for each in raw)
    if kind is Ref:
        return Ref.parse(str(raw))
    if kind == Name:
        return raw
    return kind(raw)  # type: ignore[operator]  # is_plain: a type that takes its plain value


def without_none(kind: UnionType) -> object:
    return next(each for each in get_args(kind) if each is not NoneType)
