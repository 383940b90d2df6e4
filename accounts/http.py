"""Requests as our views know them."""

from django.http import HttpRequest
from rest_framework import request as api

from accounts.models import User
from accounts.tokens import Credential


class Request(HttpRequest):
    """A request of somebody signed in. Views that serve signed-out visitors take Django's own class."""

    user: User


class ApiRequest(api.Request):
    """A call of somebody whose credential was checked."""

    user: User
    auth: Credential
