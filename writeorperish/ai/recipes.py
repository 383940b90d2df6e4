"""What a request is put together from: words of ours, and places in people's texts; no word of theirs.

The same recipe makes the request before it is sent and shows it again years later.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from writeorperish.ai.parts import Typed
from writeorperish.ai.prompts import Prompt, places
from writeorperish.ai.providers.wire import Looked, Turn

GONE: Final = "[This text is no longer here]"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some words of a text: the number of that text on the list of what is read, from where to where in it."""

    text: int
    start: int
    end: int


# A bare string is of our making: a mark, a letter, a date.
Piece: TypeAlias = str | Stretch | Typed
Laid: TypeAlias = tuple[Piece, ...]
TextOf: TypeAlias = Callable[[int], str | None]


@dataclass(frozen=True, slots=True)
class Spoken:
    """One turn of a conversation."""

    role: Literal["user", "assistant"]
    laid: Laid


@dataclass(frozen=True, slots=True)
class LookedUp:
    """What a model asked to look up, in the words it asked with, and what it was given."""

    id: str
    name: str
    arguments: str
    laid: Laid


@dataclass(frozen=True, slots=True)
class Recipe:
    """The slots of a prompt, laid out, and the conversation after it. `mark` stands around every text."""

    mark: str
    slots: Mapping[str, Laid]
    turns: Sequence[Spoken | LookedUp] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """A prompt and what it was filled with."""

    prompt: Prompt
    recipe: Recipe


def system_of(prompt: Prompt, recipe: Recipe, text_of: TextOf) -> str:
    """The system turn. A paragraph about slots that are all empty is left out."""
    told = [each for each in prompt.system.split("\n\n") if is_about_something(each, recipe)]
    return filled("\n\n".join(told), recipe, text_of)


def turns_of(prompt: Prompt, recipe: Recipe, text_of: TextOf) -> tuple[Turn | Looked, ...]:
    """What the prompt says to the model, unless it would be about nothing, and then the conversation."""
    blocks = [each for each in prompt.user if is_about_something(each, recipe)]
    asked = [Turn("user", filled("\n\n".join(blocks), recipe, text_of))] if blocks else []
    return (*asked, *(turn_of(each, recipe.mark, text_of) for each in recipe.turns))


def turn_of(turn: Spoken | LookedUp, mark: str, text_of: TextOf) -> Turn | Looked:
    words = said_in(turn.laid, mark, text_of)
    if isinstance(turn, LookedUp):
        return Looked(turn.id, turn.name, turn.arguments, words)
    return Turn(turn.role, words)


def is_about_something(words: str, recipe: Recipe) -> bool:
    named = places(words)
    return not named or any(recipe.slots.get(name) for name in named)


def filled(words: str, recipe: Recipe, text_of: TextOf) -> str:
    told = {name: said_in(laid, recipe.mark, text_of) for name, laid in recipe.slots.items()}
    return words.format_map(told)


def said_in(laid: Laid, mark: str, text_of: TextOf) -> str:
    return "".join(words_of(piece, mark, text_of) for piece in laid)


def words_of(piece: Piece, mark: str, text_of: TextOf) -> str:
    """The words of one piece. A text that holds the mark would end its own block, so it loses it."""
    match piece:
        case str():
            return piece
        case Typed(words=words):
            return words.replace(mark, "")
        case Stretch(text=number, start=start, end=end):
            text = text_of(number)
            return GONE if text is None else text[start:end].replace(mark, "")
