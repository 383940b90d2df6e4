"""Models, their prices and which kind of work goes to which: the data of catalogue.toml."""

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Final

from django.conf import settings

from writeorperish.ai.providers.wire import Usage

FILE: Final = Path(__file__).with_name("catalogue.toml")
STALE_DAYS: Final = 90
# What a server of the operator's own is trusted to read at once, since it does not say.
CONTEXT: Final = 32_000
# With the space after it.
CHARS_A_WORD: Final = 6
CAPABILITIES: Final = frozenset({"chat", "tools", "schema", "transcribe", "speak"})
TIERS: Final = {"small": "chat", "large": "chat", "transcribe": "transcribe", "speak": "speak"}


@dataclass(frozen=True, slots=True)
class Rates:
    """Nano-dollars per token put in, read from or written to the provider's cache, and got back."""

    put: int = 0
    read: int = 0
    written: int = 0
    got: int = 0


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs from a day on. Above `step` tokens put in, `beyond` holds for the whole request.

    second: microdollars per second of sound.
    """

    since: date
    rates: Rates
    step: int = 0
    beyond: Rates = Rates()
    second: int = 0

    def rates_for(self, put: int) -> Rates:
        return self.beyond if self.step and put > self.step else self.rates


@dataclass(frozen=True, slots=True)
class Model:
    """One model as its provider names it. `thinking`: tokens it may think unseen, beside its answer."""

    provider: str
    id: str
    name: str
    does: frozenset[str]
    prices: tuple[Price, ...]
    context: int = 0
    max_output: int = 0
    thinking: int = 0
    efforts: tuple[str, ...] = ()
    chars_per_token: float = 3.0
    as_of: date | None = None
    retires: date | None = None

    @property
    def priced(self) -> bool:
        """False for a model of the operator's own server, whose price nobody told."""
        return self.as_of is not None

    def price(self, on: date) -> Price:
        """The price of that day. LookupError before the first."""
        standing = [price for price in self.prices if price.since <= on]
        if not standing:
            raise LookupError(f"{self.id} has no price on {on}")
        return standing[-1]

    def retired(self, on: date) -> bool:
        return self.retires is not None and self.retires <= on


def cost_microdollars(model: Model, usage: Usage, *, on: date) -> int:
    """What a call cost, rounded up: ceil(sum of tokens times nano-dollars / 1000)."""
    rates = model.price(on).rates_for(usage.put)
    fresh = max(0, usage.put - usage.read - usage.written)
    nano = (
        fresh * rates.put
        + usage.read * rates.read
        + usage.written * rates.written
        + usage.got * rates.got
    )
    return math.ceil(nano / 1000)


def words_microdollars(model: Model, words: int, *, on: date) -> int:
    """What reading this many words of plain English costs, rounded up."""
    tokens = math.ceil(words * CHARS_A_WORD / model.chars_per_token)
    return cost_microdollars(model, Usage(put=tokens, read=0, written=0, got=0), on=on)


def sound_microdollars(model: Model, seconds: float, *, on: date) -> int:
    return math.ceil(seconds * model.price(on).second)


def tokens_of(model: Model, texts: Sequence[str]) -> int:
    """How many tokens these texts are at most, nearly always: letters outside ASCII cost more."""
    ascii_chars = sum(len(text.encode("ascii", "ignore")) for text in texts)
    others = sum(map(len, texts)) - ascii_chars
    return math.ceil(ascii_chars / model.chars_per_token + others / 1.2) + 8 * len(texts)


@cache
def shipped() -> Mapping[str, Model]:
    """The models of the file, by id. ValueError names the row that is wrong."""
    rows = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return {row["id"]: model_of(row) for row in rows["model"]}


@cache
def routes() -> Mapping[str, tuple[str, ...]]:
    """Per tier the models of the file, first choice first."""
    rows = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return {tier: tuple(rows["routes"].get(tier, ())) for tier in TIERS}


def model_of(row: Mapping[str, Any]) -> Model:
    unknown = set(row["does"]) - CAPABILITIES
    if unknown:
        raise ValueError(f"{row['id']} does {sorted(unknown)}, which nobody knows")
    fields = {name: row[name] for name in row.keys() - {"does", "price", "efforts"}}
    prices = sorted(map(price_of, row["price"]), key=lambda price: price.since)
    return Model(
        **fields,
        does=frozenset(row["does"]),
        efforts=tuple(row.get("efforts", ())),
        prices=tuple(prices),
    )


def price_of(row: Mapping[str, Any]) -> Price:
    above = row.get("above", {})
    return Price(
        since=row["from"],
        rates=rates_of(row),
        step=above.get("tokens", 0),
        beyond=rates_of(above),
        second=row.get("second", 0),
    )


def rates_of(row: Mapping[str, Any]) -> Rates:
    return Rates(**{name: row.get(name, 0) for name in ("put", "read", "written", "got")})


def own_models() -> Mapping[str, Model]:
    """The models of the operator's own server, as `COMPAT_MODELS` names them: tier to model."""
    named: Mapping[str, str] = settings.COMPAT_MODELS
    return {
        tier: Model(
            provider="compat",
            id=id,
            name=id,
            does=frozenset({TIERS[tier]} | ({"schema"} if TIERS[tier] == "chat" else set())),
            prices=(Price(date.min, Rates()),),
            context=CONTEXT,
            max_output=CONTEXT // 4,
        )
        for tier, id in named.items()
    }


def route(tier: str) -> list[Model]:
    """The models of a tier, first choice first, this server's own before the vendors'."""
    own = own_models()
    return [*([own[tier]] if tier in own else []), *(shipped()[id] for id in routes()[tier])]


def problems(
    models: Mapping[str, Model], routed: Mapping[str, Sequence[str]], *, on: date
) -> list[str]:
    """What is wrong with these models and routes, in sentences; empty for a sound catalogue."""
    found = []
    for tier, ids in routed.items():
        for id in ids:
            model = models.get(id)
            if model is None:
                found.append(f"The route {tier} names {id}, which is no model.")
            elif TIERS[tier] not in model.does:
                found.append(f"The route {tier} names {id}, which cannot do that.")
    for model in models.values():
        if not any(price.since <= on for price in model.prices):
            found.append(f"{model.id} has no price today.")
        if "chat" in model.does and not 0 < model.max_output <= model.context:
            found.append(f"{model.id} cannot answer more than it can hold.")
    return found


def warnings(model: Model, *, on: date) -> list[str]:
    """What somebody should look at soon: an old price, a model that will be shut down."""
    found = []
    if model.as_of and (on - model.as_of).days > STALE_DAYS:
        found.append(f"The price of {model.id} was looked at on {model.as_of}, long ago.")
    if model.retires:
        found.append(f"{model.id} retires on {model.retires}.")
    return found
