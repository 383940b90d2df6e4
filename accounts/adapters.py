"""allauth's door: what happens when somebody signs up, confirms an address or fails to sign in."""

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from allauth.account.models import EmailAddress
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from accounts.actions.admission import signup_mode
from accounts.actions.people import join, verify
from accounts.models import User
from writeorperish.crypto.keys import open_server_secret, seal_server_secret


class Backend(AuthenticationBackend):  # type: ignore[misc]  # allauth ships no types
    """Sign-in by e-mail, and the person of a session together with their profile: one query a request."""

    def get_user(self, user_id: str) -> User | None:
        return User.objects.select_related("profile").filter(pk=user_id).first()


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth ships no types
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return signup_mode() != "closed"

    def save_user(self, request: HttpRequest, user: User, form: Form, commit: bool = True) -> User:
        person: User = super().save_user(request, user, form, commit=True)
        return join(person, zone=request.POST.get("zone", "UTC"))

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        confirmed: bool = super().confirm_email(request, email_address)
        if confirmed:
            person: User = email_address.user
            person.refresh_from_db()
            verify(person, admitted=signup_mode() == "open")
        return confirmed

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        return str(settings.LOGIN_REDIRECT_URL)


class MfaAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth ships no types
    """Second-step seeds are sealed: by default allauth stores them in clear."""

    def encrypt(self, text: str) -> str:
        return seal_server_secret("mfa", text)

    def decrypt(self, encrypted_text: str) -> str:
        return open_server_secret("mfa", encrypted_text)


def axes_username(request: HttpRequest, credentials: dict[str, str] | None = None) -> str:
    """The address somebody tried to sign in with, folded; axes locks (address, IP) together."""
    named = (credentials or {}).get("email") or (credentials or {}).get("username")
    return str(named or request.POST.get("login", "")).strip().casefold()


def locked_out(
    request: HttpRequest, original_response: HttpResponse | None = None, credentials: object = None
) -> HttpResponse:
    """The sign-in page's refusal after too many failures, saying when to try again."""
    return TemplateResponse(
        request,
        "account/locked_out.html",
        {"minutes": int(settings.AXES_COOLOFF_TIME.total_seconds() // 60), "title": _("Sign in")},
        status=429,
        headers={"Retry-After": str(int(settings.AXES_COOLOFF_TIME.total_seconds()))},
    )


def display_name(person: User) -> str:
    """How allauth's own pages call somebody."""
    return person.get_short_name()
