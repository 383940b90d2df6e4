"""A prompt and what it is about, put together: delimited, labelled, cut to fit, and listed."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from string import ascii_uppercase
from typing import Final

from writeorperish.ai.parts import Cut, Excerpt, Fact, Part, Said, Slots, Text, Typed
from writeorperish.ai.prompts import Prompt, Slot
from writeorperish.ai.providers.wire import Looked, Turn, Wanted
from writeorperish.ai.recipes import (
    Laid,
    LookedUp,
    Piece,
    Recipe,
    Spoken,
    Stretch,
    system_of,
    turns_of,
)
from writeorperish.privacy.levels import AIUsage
from writeorperish.privacy.reading import Passage

# What one token is reckoned to hold when texts are cut to fit; models differ, and this is on the safe side.
CHARS_A_TOKEN: Final = 3
LEFT_OUT: Final = "[{count} earlier entries of this conversation are left out here]"
CUT: Final = "\n[…]\n"


@dataclass(frozen=True, slots=True)
class Composed:
    """What will be said to a model, and which stretches of whose texts that holds.

    `typed`: some of it was typed for this request and stands in no text. `recipe`: how it was put together.
    """

    system: str = field(repr=False)
    turns: tuple[Turn | Looked, ...] = field(repr=False)
    cuts: tuple[Cut, ...] = field(repr=False)
    typed: bool
    recipe: Recipe = field(repr=False)

    @property
    def texts(self) -> list[str]:
        return [self.system, *(words_in(turn) for turn in self.turns)]

    @property
    def for_training(self) -> bool:
        """Whether every word of a person in it stands in a text that may train models."""
        return not self.typed and all(cut.passage.ai_usage == AIUsage.TRAIN for cut in self.cuts)


def compose(prompt: Prompt, slots: Slots, *, mark: str) -> Composed:
    """The prompt filled: what it says to the model, then the conversation if it has one.

    Every text of a person stands between lines with this mark, which nobody can guess, and never in the system
    turn, their own instructions apart. What the prompt says about slots that are all empty is left out.

    TypeError for a slot the prompt does not have or a bare string in one.
    """
    if unknown := set(slots) - set(prompt.slots):
        raise TypeError(f"{prompt.name} has no slot {sorted(unknown)}")
    composer = Composer(mark)
    laid: dict[str, Laid] = {}
    turns: list[Spoken] = []
    for name, slot in prompt.slots.items():
        value = slots.get(name)
        if slot.kind == "turns":
            turns += composer.conversation(value, slot)
        else:
            laid[name] = composer.block(value, slot)
    recipe = Recipe(mark, laid, tuple(turns))
    return Composed(
        system=system_of(prompt, recipe, composer.text_of),
        turns=turns_of(prompt, recipe, composer.text_of),
        cuts=tuple(composer.cuts),
        typed=composer.typed,
        recipe=recipe,
    )


def words_in(turn: Turn | Looked) -> str:
    return turn.words if isinstance(turn, Turn) else f"{turn.arguments}\n{turn.answer}"


def looked_up(
    composed: Composed, prompt: Prompt, found: Sequence[tuple[Wanted, Sequence[Text | Fact]]]
) -> Composed:
    """The same conversation with what a model asked to look up, texts in blocks of their own under further letters."""
    composer = Composer(composed.recipe.mark, composed.cuts)
    more = [
        LookedUp(wanted.id, wanted.name, wanted.arguments, composer.results(parts))
        for wanted, parts in found
    ]
    recipe = replace(composed.recipe, turns=(*composed.recipe.turns, *more))
    return replace(
        composed,
        turns=turns_of(prompt, recipe, composer.text_of),
        cuts=tuple(composer.cuts),
        recipe=recipe,
    )


class Composer:
    """Lays out texts one after the other and remembers what it laid out."""

    def __init__(self, mark: str, cuts: Sequence[Cut] = ()) -> None:
        self.mark = mark
        self.cuts: list[Cut] = list(cuts)
        self.typed = False

    def text_of(self, number: int) -> str:
        return self.cuts[number].passage.text

    def block(self, value: object, slot: Slot) -> Laid:
        """The value of one slot laid out; empty for None."""
        match value:
            case None:
                return ()
            case Passage() | Excerpt() | Cut() | Typed() | Fact():
                return self.part(value, slot.tokens * CHARS_A_TOKEN, slot.keep)
            case [*parts]:
                texts = [each for each in parts if isinstance(each, Passage | Excerpt | Cut)]
                if len(texts) == len(parts):
                    return self.texts(texts, slot)
        raise TypeError(
            f"{type(value).__name__} in a slot: wrap it in the part that says whose it is"
        )

    def texts(self, texts: Sequence[Text], slot: Slot) -> Laid:
        left = slot.tokens * CHARS_A_TOKEN
        blocks: list[Laid] = []
        for text in texts:
            if left <= 0:
                break
            before = len(self.cuts)
            blocks.append(self.part(text, left, slot.keep))
            left -= sum(cut.end - cut.start for cut in self.cuts[before:])
        return joined(blocks)

    def results(self, parts: Sequence[Text | Fact]) -> Laid:
        return joined([self.part(part, len_of(part), "head") for part in parts])

    def part(self, part: Part, chars: int, keep: str) -> Laid:
        if isinstance(part, Fact):
            return (part.words,)
        if isinstance(part, Typed):
            self.typed = True
            return self.fenced((Typed(part.words[:chars]),), "typed just now")
        number = self.cut(part, chars, keep)
        return self.with_quotes(number, part, self.headed(number))

    def cut(self, part: Text, chars: int, keep: str) -> int:
        """As much of the text as fits, put on the list of what is read; its number there."""
        text = excerpt_of(part)
        start = max(text.start, text.end - chars) if keep == "tail" else text.start
        end = min(text.end, start + chars)
        for quote in text.quotes:  # a marker is taken out whole: it holds an id
            if quote.at < start < quote.until:
                start = quote.until
            if quote.at < end < quote.until:
                end = quote.at
        self.cuts.append(Cut(text.passage, start, end))
        return len(self.cuts) - 1

    def headed(self, number: int) -> str:
        at = self.cuts[number].passage.at
        return f"{label(number)} {at.strftime('%Y-%m-%d %H:%M') if at else ''}".strip()

    def fenced(self, laid: Laid, head: str) -> Laid:
        return (f"<{self.mark} {head}>\n", *laid, f"\n</{self.mark}>")

    def with_quotes(self, number: int, part: Text, head: str) -> Laid:
        """A text in its block, then a block for each text it quotes."""
        laid, quoted = self.laid_out(number, excerpt_of(part))
        return joined([self.fenced(laid, head), *quoted])

    def laid_out(self, number: int, text: Excerpt) -> tuple[Laid, list[Laid]]:
        """The words of one text with a letter in place of each quote, and the blocks those letters name."""
        cut = self.cuts[number]
        pieces: list[Piece] = [CUT] if cut.start else []
        blocks: list[Laid] = []
        place = cut.start
        for quote in text.quotes:
            if quote.at < place or quote.until > cut.end:
                continue
            pieces.append(Stretch(number, place, quote.at))
            place = quote.until
            if isinstance(quote.part, Fact):
                pieces.append(quote.part.words)
                continue
            other = self.cut(quote.part, quote.part.end - quote.part.start, "head")
            pieces.append(f"[{label(other)}]")
            head = f"{self.headed(other)}, quoted in {label(number)}"
            blocks.append(self.with_quotes(other, quote.part, head))
        pieces.append(Stretch(number, place, cut.end))
        return (*pieces, *([CUT] if cut.end < len(text.text) else [])), blocks

    def conversation(self, value: object, slot: Slot) -> list[Spoken]:
        """The turns that fit: the first and the newest ones, and in their place how many are left out."""
        parts = value if isinstance(value, Sequence) else ()
        said = [each for each in parts if isinstance(each, Said)]
        if not said or len(said) < len(parts):
            raise TypeError("A conversation is made of what somebody said")
        kept, left_out = fitting(said, slot.tokens * CHARS_A_TOKEN)
        turns = []
        for index, each in enumerate(kept):
            if index == 1 and left_out:
                turns.append(Spoken("user", (LEFT_OUT.format(count=left_out),)))
            turns.append(self.turn(each, slot.tokens * CHARS_A_TOKEN))
        return turns

    def turn(self, said: Said, chars: int) -> Spoken:
        if isinstance(said.part, Fact):
            return Spoken(said.role, (said.part.words,))
        number = self.cut(said.part, chars // 2, "head")
        if said.role == "assistant":
            # A model's own earlier words need no fence: they came from a model.
            laid, quoted = self.laid_out(number, excerpt_of(said.part))
            return Spoken(said.role, joined([laid, *quoted]))
        return Spoken(said.role, self.with_quotes(number, said.part, f"{label(number)} {said.at}"))


def joined(blocks: Sequence[Laid]) -> Laid:
    """The blocks one below the other, an empty line between two."""
    laid: list[Piece] = []
    for index, block in enumerate(blocks):
        laid += ["\n\n", *block] if index else block
    return tuple(laid)


def excerpt_of(part: Passage | Excerpt | Cut) -> Excerpt:
    match part:
        case Excerpt():
            return part
        case Cut():
            return Excerpt(part.passage, part.start, part.end)
        case Passage():
            return Excerpt(part, 0, len(part.text))


def fitting(said: Sequence[Said], chars: int) -> tuple[list[Said], int]:
    """The first turn and as many of the newest as fit, in their order; and how many are left out."""
    if not said:
        return [], 0
    first, *others = said
    left = chars - min(length_of(first), chars // 2)
    newest: list[Said] = []
    for each in reversed(others):
        left -= min(length_of(each), chars // 2)
        if left < 0 and newest:
            break
        newest.append(each)
    return [first, *reversed(newest)], len(others) - len(newest)


def length_of(said: Said) -> int:
    return len_of(said.part)


def len_of(part: Text | Fact) -> int:
    if isinstance(part, Fact):
        return len(part.words)
    text = excerpt_of(part)
    return text.end - text.start


def number_of(letters: str) -> int:
    """The number behind a letter, from 0, whatever its case; -1 for what is none."""
    number = 0
    for letter in letters.strip().upper():
        place = ascii_uppercase.find(letter)
        if place < 0 or number > 1_000_000:
            return -1
        number = 26 * number + place + 1
    return number - 1


def numbered(letters: str) -> int:
    """The number behind a label, from 0. ValueError for what is none."""
    if not letters or set(letters) - set(ascii_uppercase):
        raise ValueError("A label is made of capitals")
    number = 0
    for letter in letters:
        number = 26 * number + ascii_uppercase.index(letter) + 1
    return number - 1


def label(index: int) -> str:
    """A, B, … Z, AA, AB, …"""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = ascii_uppercase[rest] + letters
    return letters
