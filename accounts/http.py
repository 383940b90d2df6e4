"""The request as our views know it."""

from django.http import HttpRequest

from accounts.models import User


class Request(HttpRequest):
    """A request of somebody signed in. Views that serve signed-out visitors take Django's own class."""

    user: User
