"""Texts that nobody lived: English sentences around a few thousand rare names, the same in every run."""

from random import Random

VOCABULARY = 5_000
SENTENCES = 11
SYLLABLES = (
    "ba",
    "ce",
    "di",
    "fo",
    "gu",
    "ha",
    "je",
    "ki",
    "lo",
    "mu",
    "na",
    "pe",
    "ri",
    "so",
    "tu",
    "va",
    "we",
    "xi",
    "yo",
    "zu",
    "bran",
    "cest",
    "dorn",
    "fell",
    "gart",
)
OPENINGS = (
    "This morning I",
    "After work I",
    "Before sleeping I",
    "On the tram I",
    "For the third time this week I",
    "With cold hands I",
)
ACTS = (
    "practised the left hand of the minuet",
    "called my mother and let her talk",
    "wrote down what the doctor said",
    "walked along the river until it was dark",
    "argued about money and was wrong",
    "cooked lentils for four people",
    "read the same page of a novel twice",
    "planted tomatoes behind the house",
    "could not sleep and counted roofs",
    "repaired the bicycle with borrowed tools",
    "said no to a job for the first time",
    "remembered the smell of the old school",
)
TURNS = (
    "and noticed that I was not afraid.",
    "and it was less than I had hoped.",
    "and nobody asked why.",
    "because the rain would not stop.",
    "and felt lighter afterwards.",
    "although the day had begun badly.",
    "and want to do it again tomorrow.",
)
QUESTIONS = (
    "learning to play the piano",
    "quarrels about money",
    "being unable to sleep",
    "talking with my mother",
    "working in the garden",
    "illness and doctors",
    "walks at night",
    "food for friends",
    "changing jobs",
    "memories of childhood",
)


def names(random: Random) -> list[str]:
    """Invented words, the frequent ones first; drawn with falling odds they spread as names do in a diary."""
    made: dict[str, None] = {}
    while len(made) < VOCABULARY:
        made["".join(random.choices(SYLLABLES, k=3))] = None
    return list(made)


class Diary:
    """Texts of about 900 characters, one after the other."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311  # the same words in every run, no secret
        self.names = names(Random(1))  # noqa: S311
        self.odds = [1 / rank for rank in range(10, VOCABULARY + 10)]

    def text(self) -> str:
        pick = self.random.choice
        rare = self.random.choices(self.names, self.odds, k=SENTENCES)
        return " ".join(
            f"{pick(OPENINGS)} {pick(ACTS)} near {name.title()} {pick(TURNS)}" for name in rare
        )

    def queries(self, count: int) -> list[str]:
        """Two words each: one of an act that is common, one name that is not."""
        common = ("minuet", "mother", "river", "money", "lentils", "novel", "tomatoes", "bicycle")
        return [
            f"{self.random.choice(common)} {self.random.choice(self.names[:500])}"
            for _ in range(count)
        ]
