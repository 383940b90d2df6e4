"""The world the browser's tests look at: the demo's, and what it lacks."""

import io
import json
from dataclasses import dataclass
from datetime import UTC, timedelta
from time import time
from uuid import UUID

from allauth.account.models import EmailAddress
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, hotp_value
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from accounts.actions.departure import ask_for_export
from accounts.actions.tokens import begin_family
from accounts.models import User
from download.actions.answers import Where, begin
from download.actions.exports import ask_for_export as ask_for_library
from download.actions.feeds import add_feed
from download.actions.highlights import mark_quote, trash_highlight
from download.actions.imports import begin_import as begin_links
from download.actions.imports import confirm_import as confirm_links
from download.actions.items import change_item, trash_item
from download.actions.mutes import mute_tag
from download.actions.recommendations import suggest_for_draft
from download.actions.reviews import answer_card
from download.models.feeds import Feed
from download.models.items import Item, Page, Tag
from download.models.reviews import Card
from journal.actions.drafts import discard_draft, save_draft
from journal.actions.imports import Settings, begin_import, begin_upload, confirm_import, put_part
from journal.actions.nodes import change_settings, edit_node
from journal.actions.portraits import ask_for_portrait, edit_portrait, shown_to
from journal.actions.recordings import Segment, begin_recording, finish_recording, put_chunk
from journal.actions.replies import ask_for_reply, context_of
from journal.actions.trash import trash_node
from journal.models.nodes import Node
from journal.models.recordings import Recording
from journal.quoting import quote_marker
from journal.replying import PROMPT
from tests.e2e.pages import BESIDE
from tests.events_drain import JOBS, drain
from tests.factories import block_between, entry, kept, person, zipped
from tests.sounds import sound
from writeorperish.ai import prompts
from writeorperish.ai.composing import compose
from writeorperish.ai.ledger import Errand, open_call, settle_call
from writeorperish.ai.models import Call, Taste
from writeorperish.ai.providers.wire import Request
from writeorperish.ai.recipes import Plan
from writeorperish.ai.verdicts import Trait, verdict
from writeorperish.privacy import consent
from writeorperish.refs import new_id

PASSWORD = "write-or-perish"
SEED = "JBSWY3DPEHPK3PXP"


@dataclass(frozen=True)
class World:
    """Who lives in the planted world, and the rows its private pages are about."""

    people: dict[str, User]
    rows: dict[str, UUID]


def plant() -> World:
    """The demo world, and what it lacks: versions, drafts, trash, imports, an app, an export, staff, newcomers."""
    call_command("seed_demo", force=True, verbosity=0, stdout=io.StringIO())
    people = {
        name: User.objects.get(email=f"{name}@example.org")
        for name in ("alice", "bob", "charlie", "mallory")
    }
    block_between(people["alice"], people["mallory"])
    people["moderator"] = staff()
    people["empty"] = newcomer("empty")
    people["waiting"] = newcomer("waiting", state=User.State.WAITING)
    people["setaside"] = newcomer("setaside")
    people["reviewer"] = newcomer("reviewer")
    with_cards(people["reviewer"])
    with_profile(people["alice"])
    with_profile(people["setaside"], set_aside=True)
    return World(people, rows_of(people["alice"]) | {"moderator": people["moderator"].pk})


def newcomer(handle: str, **fields: object) -> User:
    """Somebody with a confirmed address and the password of all tests."""
    made = person(handle)
    made.set_password(PASSWORD)
    for name, value in fields.items():
        setattr(made, name, value)
    made.save()
    EmailAddress.objects.create(user=made, email=made.email, verified=True, primary=True)
    return made


def staff() -> User:
    made = newcomer("moderator", is_staff=True, is_superuser=True)
    TOTP.activate(made, SEED)
    RecoveryCodes.activate(made)
    return made


def rows_of(alice: User) -> dict[str, UUID]:
    node = entry(alice, "The kettle sang.\n\nThen it was quiet.", title="A quiet morning")
    edit_node(alice, node, base_rev=node.rev, text="The kettle sang.\n\nThen it fell silent.")
    node.refresh_from_db()
    entry(alice, f"And the cat came in. #piano\n\n{quote_marker(node.pk)}", parent=node)
    drafted = entry(alice, "Half of a thought")
    changes = {"edits": drafted.pk, "base_rev": drafted.rev, "text": "Half of a better thought"}
    save_draft(alice, new_id(), seq=1, title="", **changes)
    begun = save_draft(alice, new_id(), seq=1, title="", text="Not finished yet")
    discarded = save_draft(alice, new_id(), seq=1, title="", text="Thrown away")
    discard_draft(alice, discarded.draft)
    deleted = entry(alice, "Gone from the journal")
    trash_node(alice, deleted)
    opened = entry(alice, "I could not sleep, and the piano was out of tune.", ai_usage="chat")
    answer, _job = ask_for_reply(alice, opened.pk)
    question = begin(alice, "What was out of tune when I could not sleep?", where=Where())
    checked, done = imported(alice), imported(alice, confirmed=True)
    export = ask_for_export(alice)
    spoken, cut_off = recorded(alice, entry=node.pk), recorded(alice, finished=False)
    drain()
    heard = Recording.objects.select_related("blob", "node").get(pk=spoken)
    assert heard.blob is not None and heard.node is not None
    app = begin_family(alice, label="Notes on the phone")
    return library_of(alice) | {
        "call": sent_about(alice, opened).pk,
        "here": Call.objects.filter(owner=alice, task="reply", sent=False)[0].pk,
        "entry": node.pk,
        "version": node.versions.order_by("created_at")[0].pk,
        "drafted": drafted.pk,
        "draft": begun.draft.pk,
        "deleted": deleted.pk,
        "opened": opened.pk,
        "answer": answer.pk,
        "question": question.pk,
        "talk": question.conversation_id,
        "checked": checked,
        "done": done,
        "export": export.pk,
        "spoken": spoken,
        "sound": heard.blob.pk,
        "said": heard.node.pk,
        "cut_off": cut_off,
        "family": app.family.pk,
        "taste": learned(alice),
        **suggested(alice),
    }


def suggested(alice: User) -> dict[str, UUID]:
    """A link that fits a draft, and a tag that is never suggested."""
    page = (
        "Sourdough needs patience. The dough rests overnight in the cold kitchen, and the starter wakes "
        "before the oven is hot. Bake the loaf until the crust cracks."
    )
    kept(alice, "https://bread.example/slow", page, title="Slow bread", ai_usage="chat")
    drain()
    text = (
        "Today I baked a loaf of sourdough again. The dough rested overnight, the starter was slow to wake in "
        "the cold kitchen, and it took patience until the crust cracked in the oven."
    )
    save_draft(alice, UUID(BESIDE), seq=1, title="", text=text, ai_usage="chat")
    found = suggest_for_draft(alice, UUID(BESIDE), zone=UTC).rows
    unwanted = kept(alice, "https://noise.example/", "Nothing to see.", tags=("noise",))
    return {"suggestion": found[0].pk, "mute": mute_tag(alice, unwanted.tags.get()).pk}


def library_of(alice: User) -> dict[str, UUID]:
    """Links with a page and without, one that may not be an article, one in the trash; a highlight taken out."""
    item = kept(
        alice,
        text="# The kettle\n\nIt **sang**, and then it fell silent.\n\n- four minutes\n- a page",
        title="On kettles",
        note="For the *morning* chapter.",
        tags=("piano", "kettle"),
    )
    mark = mark_quote(alice, item, quote="It sang, and then", note="ask Bia")
    unmarked = trash_highlight(alice, mark_quote(alice, item, quote="four minutes"))
    failed = kept(alice, "https://example.org/failed")
    Item.objects.filter(pk=failed.pk).update(fetch="failed", fetch_reason="needs_login")
    suspected = kept(alice, "https://example.org/wall", "Just a moment. Are you a robot?")
    Page.objects.filter(item=suspected).update(quality="suspicious")
    Item.objects.filter(pk=suspected.pk).update(fetch="suspicious")
    thrown = kept(alice, "https://example.org/thrown", title="Thrown away")
    trash_item(alice, thrown)
    return {
        "item": item.pk,
        "mark": mark.pk,
        "unmarked": unmarked.pk,
        "links": links_of(alice, "a script"),
        "brought": links_of(alice, "Brought", confirmed=True),
        "taken": taken_along(alice),
        "feed": refused_feed(alice),
        "failed": failed.pk,
        "suspected": suspected.pk,
        "thrown": thrown.pk,
        "tag": Tag.objects.filter(owner=alice).order_by("pk")[0].pk,
    }


def sent_about(owner: User, node: Node) -> Call:
    """A call as it stands after its request went out; nothing is sent by these tests."""
    prompt = prompts.named(PROMPT)
    composed = compose(prompt, context_of(owner, node.pk), mark="text-planted")
    errand = Errand(
        owner.pk,
        prompt.feature,
        prompt.task,
        prompt.purpose,
        cuts=composed.cuts,
        plan=Plan(prompt, composed.recipe),
    )
    request = Request("claude-sonnet-5-5", composed.system, composed.turns, prompt.max_output)
    call = open_call(
        errand,
        provider="anthropic",
        model=request.model,
        key_class="chat",
        held_microdollars=0,
        request=request,
    )
    settle_call(call, errand, cost_microdollars=0, usage=None)
    return call


def learned(owner: User) -> UUID:
    """What four suggestions taught: the id of one line of it."""
    for number in range(4):
        traits = {Trait("site", 1): "example.org", Trait("tags", number): f"tag {number}"}
        outcome = "opened" if number else "never"
        verdict(owner, "recommendation", outcome, about=new_id().bytes, traits=traits)
    return Taste.objects.filter(owner=owner)[0].pk


def with_cards(owner: User) -> None:
    """A highlight to be seen again and links that were read, more of them than one session holds."""
    link = kept(owner, "https://example.org/rest", "The kettle takes four minutes. So does a page.")
    mark = mark_quote(owner, link, quote="So does a page.", note="For the chapter on mornings.")
    read = [kept(owner, f"https://{each}.example/", "Words to read.") for each in range(7)]
    for item in read:
        change_item(owner, item, reading="done")
    drain()
    month = timedelta(days=30)
    Card.objects.filter(owner=owner).update(made_at=timezone.now() - 2 * month)
    for card in Card.objects.filter(owner=owner).exclude(item=link):
        at = timezone.now() - month - timedelta(days=5 * (card.highlight_id == mark.pk))
        answer_card(owner, card.pk, "useful", key=new_id(), zone=UTC, at=at)


WEEKDAY = (
    "The {thing} took most of the day. I believe that patience is important with a {thing}. "
    "I feel calm when the {thing} is done. Tomorrow I will go on with it. Why does it take so long? "
)


def with_profile(owner: User, *, set_aside: bool = False) -> None:
    """A profile, changed by hand and with a proposal of AI's beside it; or set aside, its entry closed.

    Nobody looks for what it was made from, so only jobs are run.
    """
    asked = consent.terms()["portrait"]
    consent.decide(owner, "portrait", granted=True, text_version=asked.version)
    things = ("fence", "lamp", "ladder", "table", "shelf", "door", "roof", "path", "wall", "stove")
    written = [entry(owner, WEEKDAY.format(thing=each) * 6, ai_usage="chat") for each in things]
    ask_for_portrait(owner)
    drain(JOBS)
    if set_aside:
        change_settings(owner, written[-1], ai_usage="none")
        return
    edit_portrait(
        owner, base_rev=1, body=f"{portrait_words(owner)}\n\n## Besides\n\n- I keep bees."
    )
    entry(owner, WEEKDAY.format(thing="boat"), ai_usage="chat")
    ask_for_portrait(owner)
    drain(JOBS)


def portrait_words(owner: User) -> str:
    shown = shown_to(owner)
    return shown.body if shown else ""


PAST = {
    "2019-03-04 A walk.md": "We walked along the river until the bakery opened.",
    "2019-03-05.md": "# Rain\n\nIt rained on the whole of the market.",
    "unreadable.md": b"\x00\x01\x02\x00",
}


def links_of(owner: User, title: str, *, confirmed: bool = False) -> UUID:
    """An import of two links, one of them none of the web, looked through, and with `confirmed` done; its id."""
    rows = [
        {"title": title, "content": "Words that came along.", "tags": ["piano"]},
        {"title": "A script", "url": "javascript:alert(1)"},
    ]
    data = json.dumps({"format": "memeos", "items": rows}).encode()
    run = begin_links(owner, io.BytesIO(data), size=len(data))
    drain()
    if confirmed:
        run.refresh_from_db()
        confirm_links(owner, run)
        drain()
    return run.pk


def taken_along(owner: User) -> UUID:
    """A finished file of the owner's links; its id."""
    export = ask_for_library(owner, format="memeos")
    drain()
    return export.pk


def refused_feed(owner: User) -> UUID:
    """A source that lets nobody in any more; its id. Nothing is asked by these tests."""
    feed = add_feed(owner, base="https://memeos.example/", token="a-token")
    brought = {"seen": 12, "created": 9, "unchanged": 3}
    stopped = {"state": "paused", "reason": "needs_login"}
    Feed.objects.filter(pk=feed.pk).update(**stopped, **brought)
    return feed.pk


def imported(owner: User, *, confirmed: bool = False) -> UUID:
    """An import of three files, looked through, and with `confirmed` done; its id."""
    data = zipped(PAST)
    upload = begin_upload(owner, size=len(data))
    put_part(owner, upload, 0, data)
    run = begin_import(owner, upload)
    drain()
    if confirmed:
        run.refresh_from_db()
        confirm_import(owner, run, settings=Settings())
        drain()
    return run.pk


def recorded(owner: User, *, entry: UUID | None = None, finished: bool = True) -> UUID:
    """Two seconds of speech under an entry, or a recording that was cut off; its id."""
    recording, _new = begin_recording(owner, parent=entry)
    put_chunk(owner, recording, 0, 0, sound(2.0, pauses=((0.6, 1.1),)))
    if finished:
        finish_recording(owner, recording, [Segment(0, 1, 2_000)], into="entry")
    else:
        long_ago = timezone.now() - timedelta(hours=1)
        Recording.objects.filter(pk=recording.pk).update(heard_at=long_ago)
    return recording.pk


def signed_in(who: User) -> Client:
    """A client that came in through the sign-in page, with the second step where there is one."""
    client = Client()
    answer = client.post("/accounts/login/", {"login": who.email, "password": PASSWORD})
    assert answer.status_code == 302, "the sign-in page did not let them in"
    if answer.headers["Location"].startswith("/accounts/2fa/"):
        code = f"{hotp_value(SEED, int(time()) // 30):06d}"
        answer = client.post("/accounts/2fa/authenticate/", {"code": code})
        assert answer.status_code == 302, "the second step did not let them in"
    answer = client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    assert answer.status_code == 302, "they could not show again who they are"
    return client
