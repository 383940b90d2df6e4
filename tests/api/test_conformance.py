"""Whatever the schema lets a client send: never a 5xx, and never an answer the schema does not tell of."""

import re
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, timedelta

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.config import (
    CoveragePhaseConfig,
    PhasesConfig,
    ProjectConfig,
    ProjectsConfig,
    SchemathesisConfig,
)
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.meta import CoverageScenario, TestPhase

from accounts.actions.tokens import begin_family
from accounts.models import Export
from download.actions.answers import Where, begin
from download.actions.feeds import add_feed
from download.actions.highlights import mark_quote
from download.actions.reviews import answer_card, make_cards
from download.models.recommendations import Recommendation
from download.models.reviews import Review
from journal.actions.drafts import save_draft
from journal.actions.imports import begin_import, begin_upload, put_part
from journal.actions.recordings import begin_recording, put_chunk
from journal.actions.replies import ask_for_reply
from tests.events_drain import drain
from tests.examples import THOROUGH
from tests.factories import befriend, entry, kept
from tests.house.test_forgetting import suggest_a_link
from tests.sounds import sound
from writeorperish.ai.models import Call, Taste
from writeorperish.ai.verdicts import Trait, verdict
from writeorperish.ops import limits
from writeorperish.privacy.circles import invite
from writeorperish.privacy.levels import Purpose
from writeorperish.refs import new_id

# Counting lines slows thousands of requests, and other tests count them.
pytestmark = [pytest.mark.django_db, pytest.mark.no_cover]

EXAMPLES = 2 if THOROUGH else 1
# So many of a kind are sent for one place, where kinds do not say another number: of wrong types there are five.
USUALLY = 100 if THOROUGH else 1
MOST = {CoverageScenario.INCORRECT_TYPE: 5} if THOROUGH else {CoverageScenario.VALID_OBJECT: 2}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
PLACE = re.compile(r"/([a-z-]+)/\{(\w+)\}")


@pytest.fixture
def schema(db, monkeypatch):
    """The schema as a client fetches it, of a site that answers every burst in the test's transaction."""
    for name in limits.RATES:
        monkeypatch.setitem(limits.RATES, name, limits.Rate(10**6, timedelta(seconds=1)))
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    # Methods nobody named are refused in one place, and tested there.
    coverage = CoveragePhaseConfig(unexpected_methods={"TRACE"} if THOROUGH else set())
    project = ProjectConfig(phases=PhasesConfig(coverage=coverage))
    yield schemathesis.openapi.from_wsgi(
        "/api/schema/",
        get_wsgi_application(),
        config=SchemathesisConfig(projects=ProjectsConfig(default=project)),
    )
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def planted(alice, bob, charlie, cast) -> Mapping[str, object]:
    """A row that alice may ask for, by the collection its id stands below."""
    node = entry(alice, circles=(cast.circle,))
    upload = begin_upload(alice, size=5)
    put_part(alice, upload, 0, b"words")
    befriend(bob, alice)
    recording, _new = begin_recording(alice)
    put_chunk(alice, recording, 0, 0, sound(0.3))
    job = ask_for_reply(alice, entry(alice, ai_usage="chat").pk)[1]
    link = kept(alice, text="words to keep", tags=("piano",))
    question = begin(alice, "Which words are kept?", where=Where())
    drain()
    return {
        "ask": question.conversation_id,
        "questions": question.pk,
        "items": link.pk,
        "highlights": mark_quote(alice, link, quote="words").pk,
        "tags": link.tags.get().pk,
        "feeds": add_feed(alice, base="https://memeos.example/").pk,
        "calls": Call.objects.filter(owner=alice)[0].pk,
        "nodes": node.pk,
        "versions": node.versions.get().pk,
        "drafts": save_draft(alice, new_id(), seq=1, title="", text="half a text").draft.pk,
        "uploads": upload.pk,
        "parts": 0,
        "imports": begin_import(alice, upload).pk,
        "recordings": recording.pk,
        "segments": 0,
        "chunks": 0,
        "jobs": job.pk,
        "circles": cast.circle.pk,
        "members": bob.pk,
        "invitations": invite(charlie, befriend(charlie), alice).pk,
        "memberships": alice.memberships.get(state="active").pk,
        "blocks": cast.mallory.pk,
        "consents": Purpose.EMBED,
        "exports": Export.objects.create(person=alice).pk,
        "recommendations": suggested(alice, node).pk,
        "reviews": reviewed(alice).pk,
        "learned": learned(alice).pk,
        "tokens": alice.token_families.create(expires_at=timezone.now()).pk,
    }


def learned(owner) -> Taste:
    traits = {Trait("site", 1): "example.org"}
    verdict(owner, "recommendation", "opened", about=b"this", traits=traits)
    return Taste.objects.get(owner=owner)


def suggested(owner, node) -> Recommendation:
    suggest_a_link(owner, node)
    return Recommendation.objects.get(owner=owner)


def reviewed(owner) -> Review:
    item = kept(owner)
    make_cards(owner.pk, [item.ref])
    return answer_card(owner, item.card.pk, "useful", key=new_id(), zone=UTC).review


@pytest.fixture
def bearer(alice) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {begin_family(alice).access}"}


@pytest.fixture
def asked() -> Counter[tuple[object, ...]]:
    """How often one kind of request was sent, by the place that varies in it."""
    return Counter()


def repeats(case: schemathesis.Case, asked: Counter[tuple[object, ...]]) -> bool:
    """Whether enough of this kind were sent for this place already."""
    about = case.meta.phase.data
    scenario = getattr(about, "scenario", None)
    if scenario is None:
        return False
    within = about.location if about.parameter_location is ParameterLocation.BODY else None
    place = (case.method, case.path, scenario, about.parameter_location, about.parameter, within)
    asked[place] += 1
    return asked[place] > MOST.get(scenario, USUALLY)


def varies_place(case: schemathesis.Case) -> bool:
    """Whether its id is made up; one that stays while the rest of the request varies is a 404 each time alike."""
    phase = case.meta.phase
    return (
        phase.name is not TestPhase.COVERAGE
        or phase.data.parameter_location is ParameterLocation.PATH
    )


@schemathesis.pytest.from_fixture("schema").parametrize()
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    # Rows that stay from one example to the next are what a client meets, too.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_an_answer_is_what_the_schema_says(case, bearer, planted, asked):
    if repeats(case, asked):
        return
    places = PLACE.findall(case.path)
    if not places or varies_place(case):
        case.call_and_validate(headers=bearer, checks=CHECKS)
    if places:
        case.path_parameters |= {name: str(planted[rows]) for rows, name in places}
        case.call_and_validate(headers=bearer, checks=CHECKS)
