"""Who may sign up: open, by approval, or closed."""

from django.conf import settings
from django.db import transaction

from writeorperish.audit.log import record
from writeorperish.ops.models import Installation
from writeorperish.refs import Ref, new_id


def signup_mode() -> str:
    """`open`, `approval` or `closed`: as the environment says, else as this installation was planted."""
    if settings.SIGNUP_MODE_GIVEN:
        return str(settings.SIGNUP_MODE)
    planted = Installation.objects.filter(pk=1).values_list("signup_mode", flat=True).first()
    return planted or str(settings.SIGNUP_MODE)


@transaction.atomic
def open_signup() -> None:
    """Anybody may join this installation, as in the demo world. Again changes nothing."""
    installation, _made = Installation.objects.get_or_create(pk=1)
    if installation.signup_mode == "open":
        return
    installation.signup_mode = "open"
    installation.save(update_fields=["signup_mode"])
    record(None, "signup.open", Ref("ops.installation", new_id()), of="system")
