"""A prompt and what it is about, put together: delimited, labelled, cut to fit, and listed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from string import ascii_uppercase
from typing import Final

from writeorperish.ai.parts import Cut, Fact, Part, Said, Slots, Typed
from writeorperish.ai.prompts import Prompt, Slot, places
from writeorperish.ai.providers.wire import Turn
from writeorperish.privacy.levels import AIUsage
from writeorperish.privacy.reading import Passage

# What one token is reckoned to hold when texts are cut to fit; models differ, and this is on the safe side.
CHARS_A_TOKEN: Final = 3
LEFT_OUT: Final = "[{count} earlier entries of this conversation are left out here]"
CUT: Final = "\n[…]\n"


@dataclass(frozen=True, slots=True)
class Composed:
    """What will be said to a model, and which stretches of whose texts that holds.

    `typed`: some of it was typed for this request and stands in no text.
    """

    system: str = field(repr=False)
    turns: tuple[Turn, ...] = field(repr=False)
    cuts: tuple[Cut, ...] = field(repr=False)
    typed: bool

    @property
    def texts(self) -> list[str]:
        return [self.system, *(turn.words for turn in self.turns)]

    @property
    def for_training(self) -> bool:
        """Whether every word of a person in it stands in a text that may train models."""
        return not self.typed and all(cut.passage.ai_usage == AIUsage.TRAIN for cut in self.cuts)


def compose(prompt: Prompt, slots: Slots, *, mark: str) -> Composed:
    """The prompt filled: what it says to the model, then the conversation if it has one.

    Every text of a person stands between lines with this mark, which nobody can guess, and never in the system
    turn. What the prompt says about slots that are all empty is left out.

    TypeError for a slot the prompt does not have or a bare string in one.
    """
    if unknown := set(slots) - set(prompt.slots):
        raise TypeError(f"{prompt.name} has no slot {sorted(unknown)}")
    composer = Composer(mark)
    filled: dict[str, str] = {}
    turns: list[Turn] = []
    asked: list[Turn] = []
    for name, slot in prompt.slots.items():
        value = slots.get(name)
        if slot.kind == "turns":
            turns += composer.conversation(value, slot)
        else:
            filled[name] = composer.block(value, slot)
    said = [block.format_map(filled) for block in prompt.user if is_said(block, filled)]
    if said:
        asked.append(Turn("user", "\n\n".join(said)))
    return Composed(
        system=prompt.system.format_map(filled),
        turns=(*asked, *turns),
        cuts=tuple(composer.cuts),
        typed=composer.typed,
    )


def is_said(block: str, filled: Mapping[str, str]) -> bool:
    """Whether a block of the prompt has something to be about."""
    named = places(block)
    return not named or any(filled[name] for name in named)


class Composer:
    """Lays out texts one after the other and remembers what it laid out."""

    def __init__(self, mark: str) -> None:
        self.mark = mark
        self.cuts: list[Cut] = []
        self.typed = False

    def block(self, value: object, slot: Slot) -> str:
        """The value of one slot as words; empty for None."""
        match value:
            case None:
                return ""
            case Passage() | Typed() | Fact():
                return self.part(value, slot.tokens * CHARS_A_TOKEN, slot.keep)
            case [*parts]:
                passages = [each for each in parts if isinstance(each, Passage | Cut)]
                if len(passages) == len(parts):
                    return self.passages(passages, slot)
        raise TypeError(
            f"{type(value).__name__} in a slot: wrap it in the part that says whose it is"
        )

    def passages(self, passages: Sequence[Passage | Cut], slot: Slot) -> str:
        left = slot.tokens * CHARS_A_TOKEN
        blocks = []
        for each in passages:
            if left <= 0:
                break
            before = len(self.cuts)
            blocks.append(self.passage(each, left, slot.keep))
            left -= sum(cut.end - cut.start for cut in self.cuts[before:])
        return "\n\n".join(blocks)

    def part(self, part: Part, chars: int, keep: str) -> str:
        if isinstance(part, Fact):
            return part.words
        if isinstance(part, Typed):
            self.typed = True
            return self.fenced(part.words[:chars], "typed just now")
        return self.passage(part, chars, keep)

    def passage(self, part: Passage | Cut, chars: int, keep: str) -> str:
        passage = part if isinstance(part, Passage) else part.passage
        return self.fenced(self.cut(part, chars, keep), self.headed(passage))

    def cut(self, part: Passage | Cut, chars: int, keep: str) -> str:
        """As much of the passage, or of the stretch of it, as fits, put on the list of what is read."""
        whole = part if isinstance(part, Cut) else Cut(part, 0, len(part.text))
        passage, length = whole.passage, len(whole.passage.text)
        start = max(whole.start, whole.end - chars) if keep == "tail" else whole.start
        end = min(whole.end, start + chars)
        self.cuts.append(Cut(passage, start, end))
        text = passage.text[start:end]
        return f"{CUT if start else ''}{text}{CUT if end < length else ''}"

    def headed(self, passage: Passage) -> str:
        date = passage.at.strftime("%Y-%m-%d %H:%M") if passage.at else ""
        return f"{label(len(self.cuts) - 1)} {date}".strip()

    def fenced(self, words: str, head: str) -> str:
        # A text that holds the mark would end its own block.
        return f"<{self.mark} {head}>\n{words.replace(self.mark, '')}\n</{self.mark}>"

    def conversation(self, value: object, slot: Slot) -> list[Turn]:
        """The turns that fit: the first and the newest ones, and in their place how many are left out."""
        parts = value if isinstance(value, Sequence) else ()
        said = [each for each in parts if isinstance(each, Said)]
        if not said or len(said) < len(parts):
            raise TypeError("A conversation is made of what somebody said")
        kept, left_out = fitting(said, slot.tokens * CHARS_A_TOKEN)
        turns = []
        for index, each in enumerate(kept):
            if index == 1 and left_out:
                turns.append(Turn("user", LEFT_OUT.format(count=left_out)))
            turns.append(self.turn(each, slot.tokens * CHARS_A_TOKEN))
        return turns

    def turn(self, said: Said, chars: int) -> Turn:
        words = said.part.words if isinstance(said.part, Fact) else ""
        if isinstance(said.part, Passage):
            cut = self.cut(said.part, chars // 2, "head")
            # A model's own earlier words need no fence: they came from a model.
            own = said.role == "assistant"
            words = cut if own else self.fenced(cut, f"{label(len(self.cuts) - 1)} {said.at}")
        return Turn(said.role, words)


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
    return len(said.part.words) if isinstance(said.part, Fact) else len(said.part.text)


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
