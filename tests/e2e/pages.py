"""Every page a browser can open: its URL name, who opens it, and which planted row it is about."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver, reverse

FULL = os.environ.get("MATRIX") == "full"


@dataclass(frozen=True)
class Row:
    """One page. `kwargs` name planted rows; `private`: nobody but its owner may open it.

    `foreign`: another project's markup, of which only what it loads and logs is ours to answer for.
    """

    name: str
    role: str = "alice"
    kwargs: Mapping[str, str] = field(default_factory=dict)
    query: str = ""
    status: int = 200
    foreign: bool = False
    words: str = ""

    @property
    def private(self) -> bool:
        return bool(self.kwargs)

    def __str__(self) -> str:
        return f"{self.name}{self.query}-{self.role}{self.words}"

    def path(self, rows: Mapping[str, Any]) -> str:
        planted = {name: rows.get(row, row) for name, row in self.kwargs.items()}
        return reverse(self.name, kwargs=planted) + self.query


ENTRY = {"node_id": "entry"}
# A draft that something in the library fits.
BESIDE = "0190a000-0000-7000-8000-0000000000be"
UNKNOWN = {"node_id": "0190a000-0000-7000-8000-000000000000"}

PAGES = [
    Row("accounts:landing", "nobody"),
    Row("accounts:promise", "nobody"),
    Row("accounts:promise"),
    Row("accounts:waiting", "waiting"),
    Row("accounts:signed-in"),
    Row("account_login", "nobody"),
    Row("account_signup", "nobody"),
    Row("account_reset_password", "nobody"),
    Row("account_reset_password_done", "nobody"),
    Row("account_reset_password_from_key", "nobody", {"uidb36": "1", "key": "stale"}),
    Row("account_reset_password_from_key_done", "nobody"),
    Row("account_inactive", "nobody"),
    Row("ui:offline", "nobody"),
    Row("journal:home"),
    Row("journal:home", query="?audience=shared"),
    Row("journal:home", "empty"),
    Row("journal:write"),
    Row("journal:write", query="?title=From%20elsewhere&text=Words"),
    Row("journal:drafts"),
    Row("journal:drafts", "empty"),
    Row("journal:calendar", kwargs={"year": "2026", "month": "11"}),
    Row("journal:tags"),
    Row("journal:tags", query="?tag=piano"),
    Row("journal:tags", "empty"),
    Row("journal:prompts"),
    Row("journal:home", query="?day=2026-11-20"),
    Row("journal:profile"),
    Row("journal:profile", "empty"),
    Row("journal:profile", "setaside"),
    Row("journal:profile-edit"),
    Row("journal:profile-proposal"),
    Row("journal:profile-deletion"),
    Row("journal:profile-versions"),
    Row("journal:profile-versions", "empty"),
    Row("journal:profile-version", kwargs={"rev": "1"}),
    Row("journal:trash"),
    Row("journal:trash", "empty"),
    Row("journal:imports"),
    Row("journal:import", kwargs={"run_id": "checked"}),
    Row("journal:import", kwargs={"run_id": "done"}, words="-done"),
    Row("journal:node", kwargs=ENTRY),
    Row("journal:node", kwargs=UNKNOWN, status=404, words="-missing"),
    Row("journal:edit", kwargs=ENTRY),
    Row("journal:edit", kwargs={"node_id": "drafted"}, words="-drafted"),
    Row("journal:versions", kwargs=ENTRY),
    Row("journal:audience", kwargs=ENTRY),
    Row("journal:deletion", kwargs=ENTRY),
    Row("journal:ask-ai", kwargs={"node_id": "opened"}),
    Row("journal:ask-ai", kwargs=ENTRY, words="-closed"),
    Row("journal:context", kwargs={"node_id": "opened"}),
    Row("journal:context", kwargs={"node_id": "answer"}, words="-answer"),
    Row("journal:node", kwargs={"node_id": "opened"}, words="-answered"),
    Row("journal:node", kwargs={"node_id": "said"}, words="-spoken"),
    Row("journal:reading-aloud", kwargs=ENTRY),
    Row("journal:reading-aloud", kwargs={"node_id": "said"}, words="-nothing"),
    Row("journal:voice"),
    Row("journal:voice", "empty"),
    Row("journal:recover"),
    Row("journal:recover", "empty"),
    Row("journal:recording", kwargs={"recording_id": "spoken"}),
    Row("journal:recording", kwargs={"recording_id": "cut_off"}, words="-cut-off"),
    Row("download:asks"),
    Row("download:asks", query="?q=What%20about%20the%20piano"),
    Row("download:asks", "empty"),
    Row("download:conversation", kwargs={"conversation_id": "talk"}),
    Row("download:source", kwargs={"question_id": "question", "number": "1"}),
    Row("download:search"),
    Row("download:search", query="?q=piano"),
    Row("download:search", query="?q=zeppelin&mode=words"),
    Row("download:palette", query="?q=piano"),
    Row("download:library"),
    Row("download:library", query="?state=all&select=1"),
    Row("download:library", query="?state=deleted"),
    Row("download:library", query="?tag=piano"),
    Row("download:library", "empty"),
    Row("download:save"),
    Row("download:save", query="?url=https%3A%2F%2Fexample.org%2Fa&title=A%20page"),
    Row("download:item", kwargs={"item_id": "item"}),
    Row("download:item", kwargs={"item_id": "failed"}, words="-failed"),
    Row("download:item", kwargs={"item_id": "suspected"}, words="-suspected"),
    Row("download:highlights"),
    Row("download:highlights", "empty"),
    Row("download:beside", query=f"?draft={BESIDE}"),
    Row("download:beside", "empty"),
    Row("download:mutes"),
    Row("download:mutes", "empty"),
    Row("download:imports"),
    Row("download:imports", "empty"),
    Row("download:import", kwargs={"run_id": "links"}),
    Row("download:import", kwargs={"run_id": "brought"}, words="-done"),
    Row("download:export"),
    Row("download:export", "empty"),
    Row("download:sources"),
    Row("download:sources", "empty"),
    Row("download:tags"),
    Row("download:tags", "empty"),
    Row("download:review", "reviewer"),
    Row("download:review", "empty"),
    Row("download:review-session", "reviewer"),
    Row("download:review-session", "empty"),
    Row("download:review-settings"),
    Row("accounts:settings"),
    Row("accounts:account"),
    Row("accounts:appearance"),
    Row("accounts:privacy"),
    Row("accounts:activity"),
    Row("accounts:ai"),
    Row("accounts:ai-call", kwargs={"call_id": "call"}),
    Row("accounts:ai-call", kwargs={"call_id": "here"}, words="-here"),
    Row("accounts:learned"),
    Row("accounts:learned", "empty"),
    Row("accounts:tokens"),
    Row("accounts:tokens", "empty"),
    Row("accounts:export"),
    Row("account_logout"),
    Row("account_email"),
    Row("account_change_password"),
    Row("account_reauthenticate"),
    Row("usersessions_list"),
    Row("mfa_index"),
    Row("mfa_activate_totp"),
    Row("mfa_index", "moderator"),
    Row("mfa_deactivate_totp", "moderator"),
    Row("mfa_reauthenticate", "moderator"),
    Row("mfa_view_recovery_codes", "moderator"),
    Row("mfa_generate_recovery_codes", "moderator"),
    Row("ui:styleguide", "moderator"),
    Row("api-docs", "moderator", foreign=True),
    Row("admin:index", "moderator", foreign=True),
    Row("admin:accounts_user_changelist", "moderator", foreign=True),
    Row("admin:accounts_user_change", "moderator", {"object_id": "moderator"}, foreign=True),
    Row("admin:ai_call_changelist", "moderator", foreign=True),
    Row("admin:ai_call_spend", "moderator", foreign=True),
    Row("admin:ai_job_changelist", "moderator", foreign=True),
    Row("admin:ai_allowance_changelist", "moderator", foreign=True),
    Row("admin:ai_allowance_add", "moderator", foreign=True),
    Row("admin:audit_entry_changelist", "moderator", foreign=True),
    Row("admin:events_receipt_changelist", "moderator", foreign=True),
]

NOT_PAGES = {
    "account_confirm_login_code": "signing in by code is off; it needs a sign-in under way",
    "account_confirm_reauthentication_code": "confirming by a mailed code is off",
    "account_email_verification_sent": "needs a sign-up under way: test_flows looks at it",
    "account_request_reauthentication_code": "confirming by a mailed code is off",
    "account_set_password": "for people without a password, and everybody has one",
    "accounts:end-token": "only POST",
    "accounts:export-file": "a file: test_other_eyes asks for it",
    "accounts:forget-learned": "only POST",
    "accounts:forget-taste": "only POST",
    "accounts:live-job": "a stream: tests/api/test_jobs.py follows it",
    "api-schema": "a document for programs",
    "download:answer-sent": "names its question in the query: tests/download/test_ask_pages.py looks at it",
    "download:answer-to-entry": "goes on to journal:write with the answer",
    "download:answer-verdict": "only POST",
    "download:ask": "only POST",
    "download:ask-again": "only POST",
    "download:delete-conversation": "only POST",
    "download:question": "a part of a conversation, and that itself without htmx",
    "download:stop-answer": "only POST",
    **{
        f"download:{name}": "only POST"
        for name in (
            *("annotate", "answer", "changes", "delete-highlight", "deletion", "describe"),
            *("erasure", "fetch", "mark", "paste", "preference", "progress", "reading"),
            *("remove-tag", "rename-tag", "restoration", "restore-highlight", "text"),
        )
    },
    "download:below": "a part of an entry's page",
    **{
        f"download:{name}": "only POST"
        for name in (
            *("dismiss-suggestion", "lift-mute", "mute-site", "open-suggestion"),
            *("quote-suggestion", "restore-suggestion"),
        )
    },
    "download:cancel-import": "only POST",
    "download:confirm-import": "only POST",
    "download:undo-import": "only POST",
    "download:export-file": "a file: test_other_eyes asks for it",
    "download:import-report": "a file: test_other_eyes asks for it",
    "download:pause-source": "only POST",
    "download:remove-source": "only POST",
    "download:resume-source": "only POST",
    "download:sync-source": "only POST",
    "download:highlight": "goes on to the page its words stand in",
    "download:review-grade": "only POST",
    "download:review-skip": "only POST",
    "download:review-snooze": "only POST",
    "download:review-spread": "only POST",
    "download:review-undo": "only POST",
    "journal:audio": "a file: tests/journal/test_voice_pages.py asks for it",
    "journal:confirm-import": "only POST",
    "journal:discard-recording": "only POST",
    "journal:finish-recording": "only POST",
    "journal:live-recording": "a stream: tests/journal/test_voice_pages.py follows it",
    "journal:media": "a file: tests/journal/test_voice_pages.py asks for it",
    "journal:restore-recording": "only POST",
    "journal:transcript": "only POST",
    "journal:discard": "only POST",
    "journal:erasure": "only POST",
    "journal:pin": "only POST",
    "journal:profile-use": "only POST",
    "journal:regenerate-profile": "only POST",
    "journal:reopen": "only POST",
    "journal:replies": "only POST",
    "journal:reply": "a part of a thread, and the entry itself without htmx",
    "journal:stop-profile": "only POST",
    "journal:stop-reply": "only POST",
    "journal:this-month": "goes on to the calendar",
    "journal:restoration": "only POST",
    "journal:restore-profile": "only POST",
    "journal:restore-version": "only POST",
    "journal:retract-import": "only POST",
    "journal:note-import": "only POST",
    "mfa_authenticate": "needs a sign-in under way: every moderator's test passes through it",
    "mfa_download_recovery_codes": "a file",
    "ops:health": "for machines",
    "ops:ready": "for machines",
    "ui:csp-report": "only POST",
    "ui:manifest": "a document for browsers",
    "ui:service-worker": "a script",
    "ui:share-target": "goes on to download:save or journal:write with what was shared",
}


def named_pages() -> Iterator[str]:
    """The names of all URLs outside the API. Django's admin stands in the table by what is ours in it."""
    for name in names(get_resolver().url_patterns):
        if name.startswith(("admin:", "me:")) or "-api:" in name:
            continue
        yield name


def names(patterns: list[URLPattern | URLResolver], space: str = "") -> Iterator[str]:
    for each in patterns:
        if isinstance(each, URLResolver):
            inner = f"{space}{each.namespace}:" if each.namespace else space
            yield from names(each.url_patterns, inner)
        elif each.name:
            yield f"{space}{each.name}"
