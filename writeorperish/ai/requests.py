"""What was sent to a model, put together again word for word; and a mark that tells whether it is the same."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AbstractUser

from writeorperish.ai.models import Call, PromptText, Sent
from writeorperish.ai.parts import Cut, Typed
from writeorperish.ai.prompts import BadPrompt, Prompt, parsed
from writeorperish.ai.providers.wire import Looked, Request, Tool, Turn
from writeorperish.ai.recipes import (
    Laid,
    LookedUp,
    Piece,
    Plan,
    Recipe,
    Spoken,
    Stretch,
    system_of,
    turns_of,
)
from writeorperish.crypto import blind, keys
from writeorperish.privacy.reading import as_they_stood
from writeorperish.refs import Ref


@dataclass(frozen=True, slots=True)
class Shown:
    """A request as it can be put together today.

    `exact`: it is what was sent, to the letter. `gone`: how many of its texts are no longer here.
    """

    system: str = field(repr=False)
    turns: Sequence[Turn | Looked] = field(repr=False)
    exact: bool
    gone: int


def mac_of(request: Request, *, owner_id: UUID) -> bytes:
    """16 bytes under the person's own key, equal exactly when everything a model is told is equal."""
    told = {
        "model": request.model,
        "system": request.system,
        "turns": [asdict(turn) for turn in request.turns],
        "max_output": request.max_output,
        "effort": request.effort,
        "schema": request.schema,
        "tools": [asdict(tool) for tool in request.tools],
    }
    words = json.dumps(told, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return blind.digest(keys.person(owner_id), b"ai.request", words.encode())


def file_request(call: Call, plan: Plan, cuts: Sequence[Cut], request: Request) -> None:
    """Keeps how this call's request was put together, and the version of the prompt it used. Two queries."""
    prompt = plan.prompt
    file_words(prompt)
    system = system_of(prompt, plan.recipe, lambda number: cuts[number].passage.text)
    Sent.objects.create(
        call=call,
        owner_id=call.owner_id,
        recipe={
            "prompt": prompt.name,
            "version": prompt.version,
            "texts": [_text_json(cut) for cut in cuts],
            "mark": plan.recipe.mark,
            "slots": {name: _laid_json(laid) for name, laid in plan.recipe.slots.items()},
            "turns": [_turn_json(turn) for turn in plan.recipe.turns],
            # What the gateway adds of its own, such as the shape of an answer in words.
            "added": request.system.removeprefix(system),
            "model": request.model,
            "max_output": request.max_output,
            "effort": request.effort,
            "shaped": request.schema is not None,
            "tools": [asdict(tool) for tool in request.tools],
        },
    )


def file_words(prompt: Prompt) -> None:
    """Files this version of a prompt, to be found again whatever its file says later. One query."""
    PromptText.objects.bulk_create(
        [PromptText(name=prompt.name, version=prompt.version, text=prompt.text)],
        ignore_conflicts=True,
    )


def words_filed(name: str, version: str) -> Prompt | None:
    """A version of a prompt that was used once; None where it is not here, or can't be read any more. One query."""
    filed = PromptText.objects.filter(name=name, version=version).first()
    if filed is None:
        return None
    try:
        return parsed(filed.name, filed.text)
    except (BadPrompt, KeyError, TypeError, ValueError):
        return None


def shown(person: AbstractUser, call: Call) -> Shown | None:
    """The request of one of this person's calls; None when nothing was sent, or it was not kept.

    What was deleted since, or may no longer be seen by them, is said to be gone. About six queries, and one
    for each text that was rewritten since.
    """
    sent = Sent.objects.filter(call=call, owner=person.pk).first()
    if sent is None:
        return None
    kept: Mapping[str, Any] = sent.recipe
    prompt = words_filed(kept["prompt"], kept["version"])
    if prompt is None:
        return None
    recipe = _recipe_of(kept)
    wanted = [(Ref(kind, UUID(ident)), rev) for kind, ident, rev in kept["texts"]]
    texts = as_they_stood(wanted, person=person)

    def text_of(number: int) -> str | None:
        return texts.get(wanted[number])

    request = Request(
        model=kept["model"],
        system=system_of(prompt, recipe, text_of) + kept["added"],
        turns=turns_of(prompt, recipe, text_of),
        max_output=kept["max_output"],
        effort=kept["effort"],
        schema=prompt.schema if kept["shaped"] else None,
        tools=[Tool(**tool) for tool in kept["tools"]],
    )
    return Shown(
        system=request.system,
        turns=request.turns,
        exact=call.request_mac is not None
        and mac_of(request, owner_id=call.owner_id) == bytes(call.request_mac),
        gone=sum(each not in texts for each in set(wanted)),
    )


def _recipe_of(kept: Mapping[str, Any]) -> Recipe:
    return Recipe(
        mark=kept["mark"],
        slots={name: _laid_from(pieces) for name, pieces in kept["slots"].items()},
        turns=tuple(_turn_from(turn) for turn in kept["turns"]),
    )


def _turn_json(turn: Spoken | LookedUp) -> dict[str, Any]:
    laid = {"laid": _laid_json(turn.laid)}
    if isinstance(turn, LookedUp):
        return {"id": turn.id, "name": turn.name, "arguments": turn.arguments, **laid}
    return {"role": turn.role, **laid}


def _turn_from(kept: Mapping[str, Any]) -> Spoken | LookedUp:
    laid = _laid_from(kept["laid"])
    if "role" in kept:
        return Spoken(kept["role"], laid)
    return LookedUp(kept["id"], kept["name"], kept["arguments"], laid)


def _text_json(cut: Cut) -> list[str | int]:
    return [cut.passage.ref.kind, str(cut.passage.ref.id), cut.passage.rev]


def _laid_json(laid: Laid) -> list[Any]:
    return [_piece_json(piece) for piece in laid]


def _piece_json(piece: Piece) -> Any:  # noqa: ANN401  # JSON
    match piece:
        case Stretch(text=number, start=start, end=end):
            return [number, start, end]
        case Typed(words=words):
            return {"typed": words}
        case str():
            return piece


def _laid_from(pieces: Sequence[Any]) -> Laid:
    return tuple(_piece_from(each) for each in pieces)


def _piece_from(kept: Any) -> Piece:  # noqa: ANN401  # JSON
    match kept:
        case [number, start, end]:
            return Stretch(number, start, end)
        case {"typed": words}:
            return Typed(words)
        case _:
            return str(kept)
