"""Showing who one is: the password and, where there is one, the second step."""

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.contrib.auth import authenticate
from django.http import HttpRequest

from accounts.models import User
from accounts.tokens import NotAuthenticated


class InvalidCredentials(NotAuthenticated):
    """Unknown address, wrong password, unconfirmed address: one answer for all."""

    code = "invalid_credentials"


class SecondStepNeeded(NotAuthenticated):
    code = "second_step_needed"


class UseBrowser(NotAuthenticated):
    """The second step is a passkey, which only a browser can ask for."""

    code = "use_browser"


def proven(request: HttpRequest, *, email: str, password: str, otp: str = "") -> User:
    """The person this address, password and code belong to. InvalidCredentials, or SecondStepNeeded.

    Failures count towards the same locks as on the page; whoever is locked out is answered 429 by axes,
    known or not.
    """
    person = authenticate(request, email=email, username=email, password=password)
    if not isinstance(person, User) or getattr(request, "axes_locked_out", False):
        raise InvalidCredentials
    if not EmailAddress.objects.filter(user=person, email__iexact=email, verified=True).exists():
        raise InvalidCredentials
    if is_mfa_enabled(person):
        second_step(person, otp)
    return person


def second_step(person: User, otp: str) -> None:
    """Nothing, once the code fits one of this person's second steps."""
    steps = list(Authenticator.objects.filter(user=person).exclude(type="webauthn"))
    if not steps:
        raise UseBrowser
    if not otp:
        raise SecondStepNeeded(methods=sorted({str(step.type) for step in steps}))
    if not any(step.wrap().validate_code(otp) for step in steps):
        raise InvalidCredentials
