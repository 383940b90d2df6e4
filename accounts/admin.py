"""Accounts for operators: dates and states, never a word anybody wrote."""

from typing import cast

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.actions.people import admit, decline
from accounts.models import User


@admin.register(User)
class UserAdmin(admin.ModelAdmin[User]):
    list_display = ("uid", "email", "state", "date_joined", "admitted_at", "is_staff")
    list_filter = ("state", "is_staff")
    search_fields = ("uid", "email")
    ordering = ("-date_joined",)
    show_full_result_count = False
    readonly_fields = (
        "uid",
        "email",
        "state",
        "date_joined",
        "admitted_at",
        "leaving_at",
        "last_login",
    )
    fields = (*readonly_fields, "is_staff", "is_superuser", "groups")
    actions = ("admit_people", "decline_people")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False

    @admin.action(description=_("Admit"))
    def admit_people(self, request: HttpRequest, people: QuerySet[User]) -> None:
        for person in people.filter(state=User.State.WAITING):
            admit(cast("User", request.user), person)

    @admin.action(description=_("Decline"))
    def decline_people(self, request: HttpRequest, people: QuerySet[User]) -> None:
        for person in people.filter(state=User.State.WAITING):
            decline(cast("User", request.user), person)
