"""What is one person's answers everybody else as if it did not exist, and visitors with the sign-in page."""

import re

import pytest
from django.test import Client
from django.urls import URLResolver, get_resolver, reverse

from journal.models.drafts import Draft
from journal.models.nodes import Node
from tests.e2e.pages import PAGES

OTHERS = ["bob", "charlie", "mallory", "moderator"]
NOBODYS_ID = "0190a000-0000-7000-8000-000000000000"
CHANGING = re.compile(rb'name="(csrfmiddlewaretoken|once)" value="[^"]*"')
CHANGING_HEADERS = {"X-Request-ID", "Date", "Set-Cookie"}
# Of the planted rows; "fell silent" stands in the entry that a search for "kettle" finds.
WORDS = [
    b"fell silent",
    b"Half of a",
    b"Not finished yet",
    b"Thrown away",
    b"Gone from the journal",
]
LISTS = ("journal:", "download:", "accounts:activity", "accounts:tokens", "accounts:export")

# Every address about one row outside API and admin: its name, how it is asked, the planted rows.
PRIVATE = [
    ("accounts:ai-call", "get", {"call_id": "call"}),
    ("accounts:end-token", "post", {"family_id": "family"}),
    ("accounts:export-file", "get", {"export_id": "export"}),
    ("download:answer-sent", "get", {"conversation_id": "talk"}),
    ("download:answer-to-entry", "get", {"conversation_id": "talk"}),
    ("download:answer-verdict", "post", {"conversation_id": "talk"}),
    ("download:ask", "post", {"conversation_id": "talk"}),
    ("download:ask-again", "post", {"conversation_id": "talk"}),
    ("download:cancel-import", "post", {"run_id": "links"}),
    ("download:confirm-import", "post", {"run_id": "links"}),
    ("download:conversation", "get", {"conversation_id": "talk"}),
    ("download:delete-conversation", "post", {"conversation_id": "talk"}),
    ("download:export-file", "get", {"export_id": "taken"}),
    ("download:import", "get", {"run_id": "links"}),
    ("download:import-report", "get", {"run_id": "brought"}),
    ("download:question", "get", {"conversation_id": "talk"}),
    ("download:pause-source", "post", {"feed_id": "feed"}),
    ("download:remove-source", "post", {"feed_id": "feed"}),
    ("download:resume-source", "post", {"feed_id": "feed"}),
    ("download:sync-source", "post", {"feed_id": "feed"}),
    ("download:source", "get", {"question_id": "question", "number": "1"}),
    ("download:stop-answer", "post", {"conversation_id": "talk"}),
    ("download:undo-import", "post", {"run_id": "brought"}),
    ("download:annotate", "post", {"highlight_id": "mark"}),
    ("download:delete-highlight", "post", {"highlight_id": "mark"}),
    ("download:dismiss-suggestion", "post", {"recommendation_id": "suggestion"}),
    ("download:lift-mute", "post", {"mute_id": "mute"}),
    ("download:mute-site", "post", {"recommendation_id": "suggestion"}),
    ("download:open-suggestion", "post", {"recommendation_id": "suggestion"}),
    ("download:quote-suggestion", "post", {"recommendation_id": "suggestion"}),
    ("download:restore-suggestion", "post", {"recommendation_id": "suggestion"}),
    ("download:deletion", "post", {"item_id": "item"}),
    ("download:describe", "post", {"item_id": "item"}),
    ("download:erasure", "post", {"item_id": "thrown"}),
    ("download:fetch", "post", {"item_id": "item"}),
    ("download:highlight", "get", {"highlight_id": "mark"}),
    ("download:item", "get", {"item_id": "item"}),
    ("download:item", "get", {"item_id": "thrown"}),
    ("download:mark", "post", {"item_id": "item"}),
    ("download:progress", "post", {"item_id": "item"}),
    ("download:reading", "post", {"item_id": "item"}),
    ("download:remove-tag", "post", {"tag_id": "tag"}),
    ("download:rename-tag", "post", {"tag_id": "tag"}),
    ("download:restoration", "post", {"item_id": "thrown"}),
    ("download:restore-highlight", "post", {"highlight_id": "unmarked"}),
    ("download:text", "post", {"item_id": "item"}),
    ("accounts:forget-taste", "post", {"taste_id": "taste"}),
    ("journal:ask-ai", "get", {"node_id": "opened"}),
    ("journal:ask-ai", "post", {"node_id": "opened"}),
    ("journal:audience", "get", {"node_id": "entry"}),
    ("journal:audience", "post", {"node_id": "entry"}),
    ("journal:audio", "get", {"node_id": "said"}),
    ("journal:confirm-import", "post", {"run_id": "checked"}),
    ("journal:context", "get", {"node_id": "opened"}),
    ("journal:deletion", "get", {"node_id": "entry"}),
    ("journal:deletion", "post", {"node_id": "entry"}),
    ("journal:discard", "post", {"draft_id": "draft"}),
    ("journal:discard-recording", "post", {"recording_id": "spoken"}),
    ("journal:edit", "get", {"node_id": "entry"}),
    ("journal:edit", "post", {"node_id": "entry"}),
    ("journal:erasure", "post", {"node_id": "deleted"}),
    ("journal:finish-recording", "post", {"recording_id": "cut_off"}),
    ("journal:import", "get", {"run_id": "checked"}),
    ("journal:media", "get", {"blob_id": "sound"}),
    ("journal:node", "get", {"node_id": "entry"}),
    ("journal:node", "get", {"node_id": "deleted"}),
    ("journal:pin", "post", {"node_id": "entry"}),
    ("journal:reading-aloud", "get", {"node_id": "entry"}),
    ("journal:reading-aloud", "post", {"node_id": "entry"}),
    ("journal:recording", "get", {"recording_id": "spoken"}),
    ("journal:reopen", "post", {"draft_id": "draft"}),
    ("journal:replies", "post", {"node_id": "entry"}),
    ("journal:reply", "get", {"node_id": "answer"}),
    ("journal:restoration", "post", {"node_id": "deleted"}),
    ("journal:restore-recording", "post", {"recording_id": "spoken"}),
    ("journal:restore-version", "post", {"node_id": "entry", "version_id": "version"}),
    ("journal:retract-import", "post", {"run_id": "done"}),
    ("journal:note-import", "post", {"run_id": "done"}),
    ("journal:stop-reply", "post", {"node_id": "answer"}),
    ("journal:transcript", "post", {"recording_id": "spoken"}),
    ("journal:versions", "get", {"node_id": "entry"}),
]
# Async views, which a test beside Playwright's loop cannot ask: the tests of their rooms do.
STREAMS = {"accounts:live-job", "journal:live-recording"}
PARTS = [
    ("journal:node", "children", {"node_id": "entry"}),
    ("journal:versions", "diff", {"node_id": "entry"}),
    ("download:import", "progress", {"run_id": "links"}),
    ("journal:import", "progress", {"run_id": "checked"}),
    ("journal:reading-aloud", "speech", {"node_id": "entry"}),
    ("journal:recording", "recording", {"recording_id": "spoken"}),
]
IDS = [f"{name}-{method}-{'-'.join(kwargs.values())}" for name, method, kwargs in PRIVATE]


def test_every_address_about_one_row_is_looked_at():
    about_rows = set(names_with_ids(get_resolver().url_patterns))
    assert about_rows - STREAMS == {name for name, _method, _kwargs in PRIVATE}


def names_with_ids(patterns, space=""):
    for each in patterns:
        if isinstance(each, URLResolver):
            if each.namespace != "admin" and not str(each.pattern).startswith("api"):
                yield from names_with_ids(each.url_patterns, f"{each.namespace or space}:")
        elif "<uuid:" in str(each.pattern):
            yield f"{space}{each.name}"


def asked(client: Client, name, method, kwargs, **headers):
    words = {"text": "Words of another", "base_rev": 1, "privacy_level": "private"}
    data = words if method == "post" else {}
    return getattr(client, method)(reverse(name, kwargs=kwargs), data, headers=headers)


def rows_named(house, kwargs):
    """The planted rows; what names none stands for itself."""
    return {key: house.world.rows.get(row, row) for key, row in kwargs.items()}


def nobodys(kwargs):
    return {key: row if row.isdecimal() else NOBODYS_ID for key, row in kwargs.items()}


def shown(answer) -> tuple[bytes, dict[str, str]]:
    """The answer without what differs from one request to the next."""
    headers = {name: value for name, value in answer.items() if name not in CHANGING_HEADERS}
    return CHANGING.sub(b"", answer.content), headers


@pytest.fixture(scope="module")
def nowhere(clients):
    """What this person is answered about a row that never was, below this folder of the site: asked for once."""
    known = {}

    def answer(role, name, method, kwargs):
        folder = reverse(name, kwargs=nobodys(kwargs)).split("/")[1]
        if (role, folder) not in known:
            known[role, folder] = shown(asked(clients(role), name, method, nobodys(kwargs)))
        return known[role, folder]

    return answer


@pytest.mark.parametrize("role", OTHERS)
@pytest.mark.parametrize(("name", "method", "kwargs"), PRIVATE, ids=IDS)
def test_others_get_the_answer_of_a_row_that_never_was(
    house, clients, nowhere, role, name, method, kwargs
):
    planted = asked(clients(role), name, method, rows_named(house, kwargs))
    assert planted.status_code == 404
    assert shown(planted) == nowhere(role, name, method, kwargs)


@pytest.mark.parametrize(("name", "method", "kwargs"), PRIVATE, ids=IDS)
def test_a_row_that_never_was_has_one_answer_in_its_folder(clients, nowhere, name, method, kwargs):
    unknown = asked(clients("alice"), name, method, nobodys(kwargs))
    assert unknown.status_code == 404
    assert shown(unknown) == nowhere("alice", name, method, kwargs)


@pytest.mark.parametrize(("name", "part", "kwargs"), PARTS)
@pytest.mark.parametrize("role", OTHERS)
def test_so_do_those_who_ask_for_a_part(house, clients, role, name, part, kwargs):
    headers = {"HX-Request": "true", "HX-Target": part}
    rows = {key: house.world.rows[row] for key, row in kwargs.items()}
    planted = asked(clients(role), name, "get", rows, **headers)
    unknown = asked(clients(role), name, "get", dict.fromkeys(kwargs, NOBODYS_ID), **headers)
    assert planted.status_code == 404
    assert shown(planted) == shown(unknown)
    assert asked(clients("alice"), name, "get", rows, **headers).status_code == 200


@pytest.mark.parametrize(("name", "method", "kwargs"), PRIVATE, ids=IDS)
def test_visitors_are_asked_to_sign_in(house, clients, name, method, kwargs):
    planted = asked(clients("nobody"), name, method, rows_named(house, kwargs))
    assert planted.status_code == 302
    assert planted.headers["Location"].startswith("/accounts/login/?next=")


def test_no_page_shows_a_visitor_what_is_behind_the_door(clients):
    behind = {row.name for row in PAGES if row.name.startswith(LISTS) and not row.kwargs}
    answers = {
        name: clients("nobody").get(reverse(name)) for name in behind | {"accounts:settings"}
    }
    assert {name for name, answer in answers.items() if answer.status_code != 302} == set()


def addresses(rows) -> list[str]:
    listing = [row for row in PAGES if row.name.startswith(LISTS) and not row.kwargs]
    found = ["/search/?q=kettle", "/search/?q=kettle&in=shared", "/search/palette/?q=kettle"]
    return [row.path(rows) for row in listing] + found


def words_shown(client: Client, rows) -> set[bytes]:
    pages = [client.get(address).content for address in addresses(rows)]
    return {words for words in WORDS if any(words in page for page in pages)}


@pytest.mark.parametrize("role", OTHERS)
def test_no_list_of_others_holds_the_words_of_alice(house, clients, role):
    assert words_shown(clients(role), house.world.rows) == set()


def test_her_own_lists_hold_them(house, clients):
    assert words_shown(clients("alice"), house.world.rows) == set(WORDS)


def test_nothing_was_changed_by_all_that(house):
    rows = house.world.rows
    entry = Node.objects.visible_to(house.world.people["alice"]).get(pk=rows["entry"])
    assert (entry.title, entry.rev, entry.privacy_level) == ("A quiet morning", 2, "private")
    assert Draft.objects.get(pk=rows["draft"]).discarded_at is None
