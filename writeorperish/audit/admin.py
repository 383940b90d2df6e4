from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from writeorperish.audit.models import Anchor, Entry

PLAIN = (
    "at",
    "chain",
    "seq",
    "actor_kind",
    "actor_id",
    "action",
    "object_kind",
    "object_id",
    "purpose",
)


class ReadOnlyAdmin(ModelAdmin[Model]):
    """Looked at, never touched."""

    actions = None
    list_display_links = None
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Entry)
class EntryAdmin(ReadOnlyAdmin):
    """Who did what and when. Details stay sealed, for staff too."""

    list_display = PLAIN
    fields = (*PLAIN, "request_id")
    list_filter = ["at", "actor_kind"]
    search_fields = ["=chain", "=action", "=object_kind", "=actor_id", "=object_id"]
    search_help_text = _("A whole chain, action, kind or id.")
    ordering = ["-at", "-id"]


@admin.register(Anchor)
class AnchorAdmin(ReadOnlyAdmin):
    list_display = fields = ("number", "at", "count", "root")
    ordering = ["-number"]

    @admin.display
    def root(self, anchor: Anchor) -> str:
        return bytes(anchor.merkle_root).hex()
