"""The people of the demo world: alice, bob in her circle, charlie and mallory."""

from allauth.account.models import EmailAddress
from django.db import transaction

from accounts.actions.admission import open_signup
from accounts.actions.people import change_profile, join
from accounts.models import User
from writeorperish.privacy.circles import accept, invite, make_circle
from writeorperish.privacy.models import Circle

PASSWORD = "write-or-perish"  # noqa: S105  # printed at every start of the demo
NAMES = {"alice": "Alice", "bob": "Bob", "charlie": "Charlie", "mallory": "Mallory"}
ZONE = "Europe/Lisbon"


def plant() -> None:
    """The four people, and bob in alice's circle. Planting twice adds nothing."""
    people = {handle: one(handle, name) for handle, name in NAMES.items()}
    if not Circle.objects.filter(owner=people["alice"]).exists():
        circle = make_circle(people["alice"], name="Close friends", kind=Circle.Kind.FRIENDS)
        accept(people["bob"], invite(people["alice"], circle, people["bob"]))
    open_signup()


@transaction.atomic
def one(handle: str, name: str) -> User:
    email = f"{handle}@example.org"
    standing = User.objects.filter(email=email).first()
    if standing is not None:
        return standing
    person = User.objects.create_user(email, PASSWORD, state=User.State.ACTIVE)
    join(person, zone=ZONE)
    change_profile(person, handle=handle, name=name)
    EmailAddress.objects.create(user=person, email=email, verified=True, primary=True)
    return person
