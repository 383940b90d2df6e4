"""Words of the demo world: three months of a diary that nobody lived."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import timezone

from accounts.demo import ZONE
from accounts.models import User
from journal.actions.nodes import Audience, write_node
from journal.models.nodes import Node
from writeorperish.privacy.circles import circles_of


@dataclass(frozen=True, slots=True)
class Written:
    """One demo entry. key: for `reply_to`, unique. days_ago and hour: local time in Lisbon."""

    key: str
    days_ago: int
    hour: int
    text: str
    title: str = ""
    author: str = "alice"
    level: str = "private"
    ai_usage: str = "none"
    reply_to: str = ""


ENTRIES = (
    Written(
        "piano-arrives",
        days_ago=93,
        hour=21,
        title="It is in the hallway",
        ai_usage="chat",
        text="""\
The piano came. Two men carried it up four floors and neither of them said a word about it, which I
took as kindness. It is a digital one, second-hand, 88 keys, and the low F sticks a little.

It doesn't fit where I measured. I measured the wall and forgot the door. So for now it stands in the
hallway and I have to turn sideways to get to the kitchen.

I played one note with the volume at almost nothing and sat there in my coat. I am 28 and I own a
piano. Avó would have laughed and then asked when the first concert is.

#piano""",
    ),
    Written(
        "first-scales",
        days_ago=90,
        hour=22,
        text="""\
Twenty minutes with headphones. C major, right hand, then left, then both, and both together fall
apart at the thumb every single time.

What I noticed: I hold my breath while I play. When I reach the end of the scale I breathe as if I
had been under water.

#piano""",
        ai_usage="chat",
    ),
    Written(
        "office-lunch",
        days_ago=87,
        hour=19,
        title="Lunch with Teresa",
        text="""\
Teresa is leaving the studio. She told me at lunch, over the fish of the day, as if it were about the
fish. She has a place with the city, planning department, *proper hours*.

I said congratulations and meant it. On the way back I counted who is left from when I started. It is
me and the printer.

Five years of drawing bathrooms for hotels. I am good at it. I don't know when I decided that being
good at it was the same as wanting it.

#work""",
    ),
    Written(
        "ines-calls",
        days_ago=84,
        hour=23,
        title="Inês has a date",
        ai_usage="chat",
        text="""\
My little sister is getting married in nine weeks. Not next year, as they said at Christmas. Nine
weeks, in Évora, in the garden of Duarte's parents, because the garden is free and every other place is taken.

She wants three things from me:

1. a speech, "short and not too true"
2. that I get along with the aunt from Setúbal
3. that I play something. *On the piano. The one you always talk about.*

I have owned it for nine days. I said yes.

#wedding #piano""",
    ),
    Written(
        "speech-notes",
        days_ago=82,
        hour=8,
        text="""\
Things about Inês that could go into a speech:

- the winter she was six and refused to wear shoes indoors *or* outdoors
- how she learned to drive in the cemetery car park, because "nobody there can get hurt"
- she rang me every evening for a month after Miguel and I split up, and never once asked how I was.
  She told me about her day until I laughed at something.

The last one is the speech, I think. The others are so that I get there without crying.

#wedding""",
        ai_usage="chat",
    ),
    Written(
        "last-pack",
        days_ago=76,
        hour=23,
        title="The last pack",
        ai_usage="chat",
        text="""\
Eleven years, give or take. I started on the school wall because Marta did, and Marta stopped after a
week.

I wrote down when I smoke, all of today:

| when | why |
|---|---|
| 7:40, window | coffee |
| 10:30, courtyard | the site calls |
| 13:15, courtyard | because people stand there |
| 16:00, courtyard | tired |
| 18:50, walking | the day is over |
| 22:10, window | nothing |

Only the last one is about smoking. The other five are about getting to leave a room.

Four left in the pack. I gave them to the man with the dog downstairs. Tomorrow is day one.

#smoking""",
    ),
    Written(
        "day-one",
        days_ago=75,
        hour=20,
        text="""\
Day one. I went to stand in the courtyard at 10:30 without anything in my hand. Rui from the model
shop asked whether I was waiting for somebody.

Headache. Ate a whole bag of almonds. Practised until my wrists hurt, because it is the one thing I do
that needs both hands.

#smoking #piano""",
        ai_usage="chat",
    ),
    Written(
        "day-four",
        days_ago=72,
        hour=2,
        text="""\
Two in the morning and I would walk to the petrol station for one. I know exactly how the door would
sound. Writing this instead so that my hands are busy.

It is 2:20. Still here.

It is 2:45. I looked out of the window for a long time. A boat with one light was going out, very
slowly. I am going to bed.

#smoking""",
    ),
    Written(
        "morning-after",
        days_ago=72,
        hour=8,
        reply_to="day-four",
        text="""\
Reading this with coffee. I didn't go. I want to remember that it took less than half an hour, and
that at 2:20 I was sure it would never end.""",
    ),
    Written(
        "circle-help",
        days_ago=66,
        hour=18,
        title="To those who know me: I stopped smoking",
        level="circles",
        text="""\
Ten days now. I am telling you so that it becomes harder to stop stopping.

What would help:

- don't ask me every day; ask me once a week
- if we meet, let us walk. Sitting at a table outside is the worst of it
- if I am unbearable, say "you are unbearable" and not "have you thought about chewing gum"

Thank you. I am fairly unbearable.

#smoking""",
    ),
    Written(
        "bob-answers",
        days_ago=66,
        hour=21,
        author="bob",
        level="circles",
        reply_to="circle-help",
        text="""\
You are unbearable. A walk later this week, from the aqueduct down to the river? I'll bring the oranges my
mother sends; I have about forty of them.

My father stopped at fifty. He said that the second month was easier than the second week, for what
it is worth.""",
    ),
    Written(
        "alice-thanks-bob",
        days_ago=65,
        hour=9,
        level="circles",
        reply_to="bob-answers",
        text="Yes. The day after tomorrow, ten o'clock, at the aqueduct. Bring at most twenty of the forty.",
    ),
    Written(
        "walk-with-bob",
        days_ago=63,
        hour=20,
        title="Oranges",
        ai_usage="chat",
        text="""\
We walked for four hours. Bob talks about his bees the way other people talk about their children, with
worry and some pride. He may lose two of his hives and is not sure why.

I told him about the studio, about not wanting to draw another bathroom. He didn't say that I should
leave. He asked: "What did you draw, before anybody paid you?"

Stairs. I drew stairs. I had notebooks full of them, from every building I went into. I had forgotten
that completely.

#work""",
    ),
    Written(
        "stairs",
        days_ago=61,
        hour=13,
        text="""\
Found one of the notebooks in the box from Mãe's attic. The stairs of the old post office, the ones at
school, a spiral one I must have made up, because it can't stand.

They are not bad. They are better than I am now, in one way: nobody needed them by Thursday.

Drew the stairs of our house tonight, the third landing with the cracked tile. Forty minutes, and I
didn't look at the phone.""",
        ai_usage="chat",
    ),
    Written(
        "teacher-wanted",
        days_ago=57,
        hour=22,
        title="I need a piano teacher",
        ai_usage="chat",
        text="""\
I have learned what I can learn from videos, which is to do the wrong thing evenly.

Both hands together still collapse. There is something about the left wrist that I can't see from
above. I need somebody to sit next to me, once a week, and tell me *what I am doing*, not what one
should do.

What I am looking for:

- a person, in Lisbon, evenings
- patient with adults; I don't need to be told that it is never too late
- up to 25 euros an hour
- I could offer drawings in exchange, or help with a floor plan

And five weeks to the wedding. The piece is the simple Satie one, the first Gymnopédie. Simple is what
everybody calls it.

#piano #wedding""",
    ),
    Written(
        "three-weeks",
        days_ago=54,
        hour=8,
        text="""\
Three weeks and a bit. This morning I could smell the bread two streets away, before I saw the bakery.
I stood at the corner like a dog.

#smoking""",
        ai_usage="chat",
    ),
    Written(
        "senhor-amadeu",
        days_ago=49,
        hour=21,
        title="Senhor Amadeu",
        ai_usage="chat",
        text="""\
First lesson. He is seventy-four, taught at the conservatory, and lives two streets up with a cat that
sleeps *inside* the upright. He listened to my Satie, all of it, and then he said:

> You play as if somebody were asleep in the next room.

Somebody is always asleep in the next room, I said. I have headphones and neighbours.

He took my left wrist between two fingers and lifted it one centimetre. That was the lesson. One
centimetre, for an hour. At the end the two hands met at the thumb and went on, and I laughed out loud
and the cat left.

#piano""",
    ),
    Written(
        "deadline",
        days_ago=44,
        hour=23,
        text="""\
Hotel in Faro, forty-two bathrooms, deadline moved forward by a week because somebody promised
somebody. I stayed until ten. Jorge said "you're a machine", and he meant it well.

I don't want to be a machine. Writing it down here because I nodded.

Didn't practise. Didn't smoke either, and it would have been a good evening for it.

#work #smoking""",
    ),
    Written(
        "jorge-talk",
        days_ago=38,
        hour=19,
        title="The talk with Jorge",
        text="""\
I asked for four days a week. I had prepared for no, and for "let us see later in the year". He asked
why, and I said that I would like to draw.

"You draw here."

"I draw bathrooms here."

He was quiet, and then he said that he used to paint boats, and that they are all in his garage, and
that I should put it in writing.

So, two things:

- [ ] put it in writing
- [ ] look at what four fifths of the salary is, *before* putting it in writing

#work""",
    ),
    Written(
        "sums",
        days_ago=37,
        hour=10,
        reply_to="jorge-talk",
        text="""\
Did the sums. Rent, the loan, health, food, lessons. It works if I stop eating out, and I have 140 euros
a month that used to be cigarettes. I looked at that number for a while. I was paying for a day off all
along and never took it.

Sent the letter at 10:20.""",
    ),
    Written(
        "dress",
        days_ago=31,
        hour=17,
        text="""\
Dress fitting with Inês and Mãe. Inês came out of the cabin and Mãe said "well", and then nothing for
quite some time, and the seamstress gave her a tissue from a box that clearly is there for mothers.

Inês asked me afterwards, in the car, whether I mind. Being the older one, and alone. I thought about
it honestly. I mind on Sunday evenings. I didn't mind today at all.

#wedding""",
    ),
    Written(
        "before-wedding",
        days_ago=21,
        hour=23,
        title="Tomorrow",
        level="circles",
        text="""\
Évora, in the room with the brown curtains. The speech is on two cards. The Satie is in my hands, most
of it; at bar 22 I still have to look.

They have put an old upright under the lemon trees. It is out of tune in a friendly way. I played it at
dusk when everybody was carrying chairs, and Duarte's grandfather sat down next to me and said that it
was his wife's and that nobody had touched it for six years.

Now I am more nervous than before, and also less.

#wedding #piano""",
    ),
    Written(
        "bob-before-wedding",
        days_ago=20,
        hour=7,
        author="bob",
        level="circles",
        reply_to="before-wedding",
        text="Look at bar 22, then. Nobody will mind where you look. Tell us everything.",
    ),
    Written(
        "wedding",
        days_ago=19,
        hour=16,
        title="The wedding",
        ai_usage="chat",
        text="""\
I want to get it down before it turns into the story we will tell.

**The speech.** I got through the shoes and the cemetery and people laughed, and then I came to the
evenings she rang me, and I looked at her and she shook her head a little, *don't you dare*, and I dared.
Short and not too true. It was true.

**The piece.** I made four mistakes. At bar 22 I looked. Somewhere after it I forgot that I was playing
and heard it, for perhaps ten seconds, as if somebody else were at it. Then I thought "I am doing this"
and made the fourth mistake.

**The grandfather.** He didn't clap. He nodded, and later he brought me a plate with three kinds of cake.

**The aunt from Setúbal** is lovely. We danced. I owe everybody an apology.

At one in the morning a cousin held out his pack to me, friendly, without thinking. I said "no, thank
you" as one says it about sugar. I noticed only on the stairs.

#wedding #piano #smoking""",
    ),
    Written(
        "after",
        days_ago=16,
        hour=21,
        text="""\
Quiet flat. For nine weeks there was a thing at the end of everything and now there is only the week.

Amadeu asked what I would like to play next. I said I don't know. He said: good, and put a book on the
stand, and we read through it, badly, one page after the other, for pleasure. He calls it going for a
walk.

#piano""",
        ai_usage="chat",
    ),
    Written(
        "bob-bees",
        days_ago=12,
        hour=20,
        title="Two hives",
        author="bob",
        text="""\
Opened the two weak hives with the man from the association. It was the damp, not the mites. I had
turned the entrances to the north-west when I moved them, for the view, and that is where the rain
comes from here.

I have turned them round. It took ten minutes. Two colonies for the view.

#bees""",
    ),
    Written(
        "four-days",
        days_ago=9,
        hour=18,
        title="Four days",
        ai_usage="chat",
        text="""\
It is decided: four days a week, from the first of next month, for six months, and then we look again.
Jorge signed it and said that on the fifth day I am not to answer the phone even if the hotel is on
fire.

I am glad. I am also afraid of that first free day, of sitting at the table and finding out that I have
nothing to draw. So here is a rule, while I am still brave: on that day I go out and draw one staircase.
One. Good or bad.

#work""",
    ),
    Written(
        "slip",
        days_ago=6,
        hour=1,
        text="""\
I smoked one. Outside the cinema, with Teresa, who had one left and didn't want it. Half of it, to be
exact. It tasted of a wet blanket.

I am not going to start counting from zero. Sixty-nine days and half a cigarette; that is the number.

#smoking""",
    ),
    Written(
        "slip-later",
        days_ago=4,
        hour=22,
        reply_to="slip",
        text="Two days on. It did not become a second one. I wanted to leave that written here too.",
    ),
    Written(
        "rainy-sunday",
        days_ago=2,
        hour=16,
        title="Rain, all day",
        ai_usage="chat",
        text="""\
Moved the piano. Took the door off its hinges, which takes four screws, and there it goes, along the
wall where I had measured. The hallway looks enormous.

Played with the window open and without headphones, from three to four. At four there was a knock: the
man from the second floor, the one with the dog. He asked whether I could leave the window open longer
next time; from his kitchen one hears only the left hand.

It is a decent left hand by now.

#piano""",
    ),
    Written(
        "today",
        days_ago=0,
        hour=8,
        text="""\
Coffee at the window, no cigarette, the ferry going over with its lights still on. Lesson at seven
tonight. Ask Amadeu:

- pedal: when to let go?
- the page with all the flats
- whether he would let me draw his staircase""",
        ai_usage="chat",
    ),
)


@transaction.atomic
def plant() -> None:
    """Alice's and Bob's entries, in order. Planting twice adds nothing."""
    people = {user.profile.handle: user for user in User.objects.select_related("profile")}
    alice = people["alice"]
    if Node.objects.filter(owner=alice).exists():
        return
    circle = circles_of(alice).first()
    audience = Audience(circles=(circle,)) if circle else Audience()
    written: dict[str, Node] = {}
    for each in ENTRIES:
        parent = written.get(each.reply_to)
        written[each.key] = write_node(
            people[each.author],
            title=each.title,
            text=each.text,
            parent=parent.pk if parent else None,
            privacy_level=each.level,
            ai_usage=each.ai_usage,
            audience=audience if each.level == "circles" and parent is None else None,
            written_at=moment(each),
            zone=ZONE,
        ).node


def moment(each: Written) -> datetime:
    """When a demo entry was written, never in the future."""
    now = timezone.now()
    day = now.astimezone(ZoneInfo(ZONE)) - timedelta(days=each.days_ago)
    return min(day.replace(hour=each.hour, minute=12, second=0, microsecond=0), now)
