"""The library of the demo world: a few pages that were never on the web, their text planted as pasted."""

from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from download.actions.highlights import mark_quote
from download.actions.items import Found, change_item, decide_library, note_progress, save_item
from download.fetching import Copy
from download.models.items import Item, Page


@dataclass(frozen=True, slots=True)
class Kept:
    """One link of the demo. `quote`: words of the text that are marked, with `thought` beside them."""

    owner: str
    url: str
    title: str
    days_ago: int
    tags: tuple[str, ...]
    text: str = ""
    byline: str = ""
    note: str = ""
    reading: str = "unread"
    progress: float = 0.0
    quote: str = ""
    thought: str = ""


LINKS = (
    Kept(
        "alice",
        "https://slowhands.example/scales-for-people-who-began-late",
        "Scales for people who began late",
        days_ago=81,
        tags=("piano", "practice"),
        byline="Rosa Almeida",
        reading="done",
        progress=1.0,
        quote="Ten minutes at the same hour beat an hour whenever there is time.",
        thought="Before the ferry, then.",
        text="""\
## Why scales at all

A scale is not a piece of music, and nobody will thank you for one. But your hands learn from it where
the black keys are without asking your eyes, and after that your eyes are free for the page.

Begin with B major. It has the most black keys, and so it fits the hand as it hangs: the long fingers
high, the thumb low. C major, which everyone begins with, is the hardest to play evenly.

## How long

Ten minutes at the same hour beat an hour whenever there is time. The hour never comes. The ten minutes
come every day, and the hand does not count them; it only notices that it was asked again.

1. Hands apart, slowly enough that nothing goes wrong.
2. Hands together, slower than that.
3. Stop while it still goes well.

> The metronome is not a teacher. It is a window: through it you see what you do anyway.

Those who began late have one advantage. They know why they are doing it.""",
    ),
    Kept(
        "alice",
        "https://quietblocks.example/neighbours-and-noise",
        "Neighbours, walls and noise: what helps",
        days_ago=40,
        tags=("piano", "home"),
        byline="Henrik Voss",
        note="Felt under the pedals, and talk to them first.",
        progress=0.35,
        text="""\
Sound goes through a house in two ways: through the air, and through whatever touches the floor. The
second way is the one people forget. A digital piano with headphones is silent in the room and loud in
the flat below, because each key ends its travel on a frame that stands on the floor.

What helps, in the order of what it costs:

- **Talk first.** Agree on hours. A noise with an end is half as loud.
- **Felt or rubber under each foot** and under the pedals. Two layers do more than one thick one.
- **A rug that is not glued**, larger than the instrument.
- Moving it away from the wall that is shared, by a hand's breadth.

| What | Where it helps |
|---|---|
| Felt | below |
| Rug | below, a little |
| Distance from the wall | beside |

What does not help: egg boxes, curtains, and waiting for somebody to complain.""",
    ),
    Kept(
        "alice",
        "https://morningpages.example/what-a-journal-is-for",
        "What a journal is for",
        days_ago=12,
        tags=("writing",),
        byline="T. Okafor",
        quote="You do not write to remember. You write to find out what you noticed.",
        text="""\
People ask what to write about, as if something had to have happened. Nothing has to have happened.

You do not write to remember. You write to find out what you noticed. The difference shows after a few
weeks: those who write to remember stop, because they remember well enough; those who write to notice
go on, because there is always a window, a sentence somebody did not finish, a colour.

Keep it short on most days. Keep it badly on some. Keep it, above all, where nobody reads it, so that you
need not be interesting.""",
    ),
    Kept(
        "alice",
        "https://ferrylines.example/timetable/winter",
        "Winter timetable of the ferry",
        days_ago=3,
        tags=("lisbon",),
        note="The 7:40 does not run on Sundays.",
    ),
    Kept(
        "bob",
        "https://breadandtime.example/sourdough-in-a-cold-kitchen",
        "Sourdough in a cold kitchen",
        days_ago=20,
        tags=("bread",),
        byline="Marie Lund",
        text="""\
A cold kitchen is no reason to buy a machine. It is a reason to begin the evening before.

Mix in the evening, fold twice before bed, and let it stand until it has grown by half, however long that
takes. In a kitchen of sixteen degrees that is about eleven hours. The dough does not know what time it
is; it knows how warm it is.""",
    ),
)


@transaction.atomic
def plant() -> None:
    """What alice and bob keep. Planting twice adds nothing."""
    people = {user.profile.handle: user for user in User.objects.select_related("profile")}
    if Item.objects.filter(owner=people["alice"]).exists():
        return
    decide_library(people["alice"], ai_usage="chat", fetching=False)
    decide_library(people["bob"], fetching=False)
    for link in LINKS:
        keep(people[link.owner], link)


def keep(person: User, link: Kept) -> None:
    page = None
    if link.text:
        page = Copy(link.text, Page.Origin.PASTED, title=link.title, byline=link.byline, lang="en")
    found = Found(
        url=link.url,
        title=link.title,
        note=link.note,
        tags=link.tags,
        saved_at=timezone.now() - timedelta(days=link.days_ago),
        page=page,
    )
    item = save_item(person, found, captured_by=Item.CapturedBy.PASTE).item
    if link.progress:
        note_progress(person, item, link.progress)
    if link.reading == Item.Reading.DONE:
        change_item(person, item, reading=link.reading)
    if link.quote:
        mark_quote(person, item, quote=link.quote, note=link.thought)
