"""The admin's front door: sign-in is the ordinary one, and staff need a second step."""

from typing import Any

from allauth.mfa.utils import is_mfa_enabled
from django.contrib.admin import AdminSite
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _


class Console(AdminSite):
    site_header = _("Write or Perish")
    site_title = _("Write or Perish")
    index_title = _("Console")

    def has_permission(self, request: HttpRequest) -> bool:
        return super().has_permission(request) and is_mfa_enabled(request.user)

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """To the sign-in page; staff who are signed in without a second step are sent to set one up."""
        if request.user.is_authenticated and super().has_permission(request):
            return redirect("mfa_activate_totp")
        return redirect_to_login(request.GET.get("next", "/admin/"))
