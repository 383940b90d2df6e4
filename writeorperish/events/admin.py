from django.contrib import admin, messages
from django.contrib.admin import ModelAdmin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from writeorperish.events.models import Receipt, ReceiptQuerySet
from writeorperish.events.receipts import hear_again


@admin.register(Receipt)
class ReceiptAdmin(ModelAdmin[Receipt]):
    """Receipts that were given up, by listener, fact and class of error, and a way to try them again."""

    list_display = ["listener", "fact", "told_at", "tries", "error_class", "given_up_at"]
    list_filter = ["error_class", "listener", "queue"]
    list_select_related = ["event"]
    list_display_links = None
    ordering = ["-next_at"]
    actions = ["hear_again"]
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> ReceiptQuerySet:
        return Receipt.objects.given_up().select_related("event").order_by(*self.ordering)

    @admin.display(description=_("fact"))
    def fact(self, receipt: Receipt) -> str:
        return receipt.event.name

    @admin.display(description=_("told at"))
    def told_at(self, receipt: Receipt) -> object:
        return receipt.event.at

    @admin.display(description=_("given up at"), ordering="next_at")
    def given_up_at(self, receipt: Receipt) -> object:
        return receipt.next_at

    @admin.action(description=_("Hear again"), permissions=["change"])
    def hear_again(self, request: HttpRequest, chosen: ReceiptQuerySet) -> None:
        count = hear_again(request.user, chosen)  # type: ignore[arg-type]  # staff is signed in
        words = ngettext(
            "%d receipt will be heard again.", "%d receipts will be heard again.", count
        )
        self.message_user(request, words % count, messages.SUCCESS)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Receipt | None = None) -> bool:
        return False
