"""Models at work, for operators: how often, for what, at what price. No word of anybody's can be opened here."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.contrib.auth import get_user_model
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _

from writeorperish.ai import budget, ledger
from writeorperish.ai.allowances import set_by_hand
from writeorperish.ai.models import Allowance, Call, Job, PromptText, Scope
from writeorperish.audit.admin import ReadOnlyAdmin

DAYS = 31
SPENDERS = 20


@admin.register(Call)
class CallAdmin(ReadOnlyAdmin):
    """Each use of a model: ids, numbers and names of ours."""

    list_display = (
        "started_at",
        "owner_id",
        "task",
        "model",
        "key_class",
        "sent",
        "outcome",
        "error",
        "tokens_in",
        "tokens_out",
        "cost",
        "estimated",
        "total_ms",
    )
    fields = (
        *list_display,
        "feature",
        "provider",
        "prompt_version",
        "job",
        "parts",
        "tokens_read",
        "tokens_written",
        "audio_ms",
        "held_microdollars",
        "background",
        "first_byte_ms",
        "provider_request",
    )
    list_filter = ("started_at", "feature", "model", "outcome", "key_class", "sent", "estimated")
    search_fields = ("=id", "=owner__uid", "=job")
    search_help_text = _("A whole id of a call, person or job.")
    ordering = ("-started_at", "-id")
    change_list_template = "ai/calls.html"

    def get_urls(self) -> list[URLPattern]:
        spend = path("spend/", self.admin_site.admin_view(self.spend), name="ai_call_spend")
        return [spend, *super().get_urls()]

    def spend(self, request: HttpRequest) -> HttpResponse:
        """What was spent, day by day and by whom, in sums the database makes."""
        now = timezone.now()
        month = now.strftime("%Y-%m")
        context = {
            **self.admin_site.each_context(request),
            "title": _("Spent on models"),
            "days": ledger.spent_by_day(since=now - timedelta(days=DAYS)),
            "spenders": ledger.most_spent(month, limit=SPENDERS),
            "month": month,
            "everybody": budget.month_of(None, month),
        }
        return TemplateResponse(request, "ai/spend.html", context)

    @admin.display(ordering="cost_microdollars")
    def cost(self, call: Call) -> str:
        return f"${call.cost_microdollars / 1_000_000:.6f}"


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    """Longer work: what waits, what runs, what failed. What it writes stays sealed, for staff too."""

    list_display = fields = (
        "created_at",
        "owner_id",
        "kind",
        "state",
        "attempt",
        "error",
        "lease_until",
        "stop_asked_at",
        "offline",
        "cost_microdollars",
        "finished_at",
    )
    list_filter = ("state", "kind", "error", "created_at")
    search_fields = ("=id", "=owner__uid")
    search_help_text = _("A whole id of a job or person.")
    ordering = ("-created_at", "-id")


@admin.register(PromptText)
class PromptTextAdmin(ReadOnlyAdmin):
    """Which versions of our prompts were used, and since when."""

    list_display = fields = ("name", "version", "filed_at")
    ordering = ("name", "-filed_at")


class AllowanceForm(forms.ModelForm[Allowance]):
    """Whose, of what, how much. An empty person is everybody together."""

    person = forms.UUIDField(
        required=False, help_text=_("The id of a person; empty: all together.")
    )
    scope = forms.ChoiceField(choices=Scope.choices)
    limit = forms.IntegerField(
        min_value=0,
        max_value=10**12,
        help_text=_("Money in millionths of a dollar, replies in pieces, speech in seconds."),
    )

    class Meta:
        model = Allowance
        fields = ("scope", "limit")

    def clean_person(self) -> UUID | None:
        person: UUID | None = self.cleaned_data["person"]
        if person and not get_user_model()._default_manager.filter(pk=person).exists():
            raise forms.ValidationError(_("Nobody has this id."))
        return person


@admin.register(Allowance)
class AllowanceAdmin(ModelAdmin[Allowance]):
    """What people may use. A change made here stands above their plan, and is logged."""

    form = AllowanceForm
    list_display = ("id", "owner_id", "scope", "limit", "set_by_hand")
    list_filter = ("scope", "set_by_hand")
    search_fields = ("=owner__uid",)
    search_help_text = _("A whole id of a person.")
    ordering = ("owner", "scope")
    actions = None
    show_full_result_count = False

    def get_fields(self, request: HttpRequest, obj: Allowance | None = None) -> list[Any]:
        return ["person", "scope", "limit"] if obj is None else ["owner_id", "scope", "limit"]

    def get_readonly_fields(self, request: HttpRequest, obj: Allowance | None = None) -> list[str]:
        return [] if obj is None else ["owner_id", "scope"]

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:  # noqa: ANN401  # as Django's
        """Through the verb, which alone writes an allowance."""
        allowance: Any = obj
        owner: UUID | None = allowance.owner_id if change else form.cleaned_data["person"]
        scope = Scope(allowance.scope if change else form.cleaned_data["scope"])
        limit = form.cleaned_data["limit"]
        obj.pk = set_by_hand(request.user, owner, scope, limit=limit).pk  # type: ignore[arg-type]  # staff is signed in

    def has_delete_permission(self, request: HttpRequest, obj: Allowance | None = None) -> bool:
        return False
