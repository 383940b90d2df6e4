from argparse import ArgumentParser
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email
from django.db import transaction

from accounts.actions.people import join
from accounts.models import User

ROLES = ["moderator", "senior", "lead", "admissions", "operator"]


class Command(BaseCommand):
    help = "Makes a person with a confirmed address, or changes the one who has it. Prints uid and handle."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--password", required=True)
        parser.add_argument("--handle")
        parser.add_argument("--name")
        state = parser.add_mutually_exclusive_group()
        state.add_argument("--approved", action="store_true", default=True)
        state.add_argument("--waiting", action="store_true")
        parser.add_argument("--staff", action="store_true")
        parser.add_argument("--superuser", action="store_true")
        parser.add_argument("--role", choices=ROLES)
        parser.add_argument("--totp", metavar="BASE32")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        email = options["email"].strip()
        try:
            validate_email(email)
        except ValidationError as error:
            raise CommandError("EMAIL is not an e-mail address.", returncode=2) from error
        person = User.objects.filter(email__iexact=email).first() or User(email=email)
        person.set_password(options["password"])
        person.state = User.State.WAITING if options["waiting"] else User.State.ACTIVE
        person.is_staff = options["staff"] or options["superuser"] or bool(options["role"])
        person.is_superuser = options["superuser"]
        person.save()
        join(person)
        name_them(person, options["handle"], options["name"])
        EmailAddress.objects.update_or_create(
            user=person, email=email.lower(), defaults={"verified": True, "primary": True}
        )
        if options["role"]:
            person.groups.add(Group.objects.get_or_create(name=options["role"])[0])
        if options["totp"]:
            Authenticator.objects.filter(user=person).delete()
            TOTP.activate(person, options["totp"])
            RecoveryCodes.activate(person)
        self.stdout.write(f"{person.uid} {person.profile.handle}")


def name_them(person: User, handle: str | None, name: str | None) -> None:
    """The handle and name as asked; CommandError when the handle is taken or not allowed."""
    profile = person.profile
    profile.handle = (handle or profile.handle).lower()
    profile.name = profile.name if name is None else name
    try:
        profile.full_clean(exclude=["person"])
        profile.save()
    except ValidationError as error:
        raise CommandError(
            f"--handle or --name: {' '.join(error.messages)}", returncode=2
        ) from error
