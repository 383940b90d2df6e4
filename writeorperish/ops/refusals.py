"""What we refuse, as classes. The same class gives the same status and words on a page and in the API."""

from typing import ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Words = str | Promise


class Refused(Exception):
    """A person asked for something we do not do. `words` is the sentence they read; never a text of theirs."""

    status: ClassVar[int] = 400
    code: str = "refused"
    words: Words = _("That can't be done.")

    def __init__(
        self,
        code: str = "",
        words: Words = "",
        *,
        errors: dict[str, list[Words]] | None = None,
        retry_after_seconds: int | None = None,
        **detail: object,
    ) -> None:
        self.code = code or self.code
        self.words = words or self.words
        self.errors = errors or {}
        self.retry_after_seconds = retry_after_seconds
        self.detail = detail
        super().__init__(self.code)


class Unreadable(Refused):
    """Cannot be parsed at all: broken JSON, an unknown field, a forged cursor."""

    status = 400
    code = "bad_request"
    words = _("This request could not be read.")


class Invalid(Refused):
    """A value we refuse."""

    status = 422
    code = "invalid"
    words = _("Something here needs another look.")


class Conflict(Refused):
    """Somebody, perhaps the same person in another tab, was faster."""

    status = 409
    code = "version_changed"
    words = _("This changed in the meantime. Nothing was lost.")


class Barred(Refused):
    """Barred from an act. Never used for sight: what is not yours is Missing."""

    status = 403
    code = "restricted"
    words = _("You can't do this at the moment.")


class Missing(Refused):
    """Not there, or not yours: the same answer for both, byte for byte."""

    status = 404
    code = "not_found"
    words = _("There is nothing here, or it is not open to you.")


class Gone(Refused):
    status = 410
    code = "gone"
    words = _("This is no longer here.")


class TooLarge(Refused):
    status = 413
    code = "too_large"
    words = _("This is larger than we can take.")


class WrongKind(Refused):
    """The body is of a kind we do not take here."""

    status = 415
    code = "wrong_kind"
    words = _("This kind of file can't be taken here.")


class Needed(Refused):
    """A precondition the request did not name."""

    status = 428
    code = "if_match_needed"
    words = _("Say which version you changed.")


class TooMuch(Refused):
    status = 429
    code = "rate_limited"
    words = _("That was a lot at once. Wait a moment and try again. Nothing was lost.")


class Unavailable(Refused):
    """A part we depend on does not answer. Work that can wait is tried again."""

    status = 503
    code = "unavailable"
    words = _("This part isn't answering right now. Nothing was lost.")
