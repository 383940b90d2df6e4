"""The codes of what can become of a file of links and of its rows, and the sentence for each."""

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

# The whole file is refused; nothing of it was imported.
REFUSALS: Final[dict[str, Promise]] = {
    "unknown_format": _(
        "This is none of the exports we can read: bookmarks of a browser, Pocket, Raindrop, "
        "Readwise, Instapaper, an X archive or our own JSON."
    ),
    "not_text": _("This file holds no text. It may be damaged."),
    "not_zip": _("This file is damaged, or no zip file."),
    "encrypted": _("This zip file has a password. Save it again without one."),
    "too_many_members": _("This zip file holds too many files. Take out what is not about links."),
    "too_large": _("This file is larger than we can read at once. Split it into several."),
    "member_too_large": _("A file in this zip file is larger than we can read at once."),
    "bomb": _("Unpacked, this zip file would be far larger than it looks. It was not opened."),
    "too_many_rows": _("There are more than 200,000 links in this file. Split it into several."),
    "no_rows": _("There is not one link in this file."),
    "file_gone": _("The file is no longer here. Send it again."),
}

# The row stays out because of what it says.
SKIPPED: Final[dict[str, Promise]] = {
    "not_http": _("Its address is not one of the web."),
    "in_trash": _("It is in your trash; restore it there."),
}

# The row was taken in, and something of it found no room.
LEFT_OUT: Final[dict[str, Promise]] = {
    "tags_left_out": _("It was kept with 30 tags; the file has more."),
    "fields_left_out": _(
        "It was kept without the fields of the other program, which are too long."
    ),
}

# The row could not be read.
FAILED: Final[dict[str, Promise]] = {
    "no_address": _("It has no address."),
    "empty": _("It says nothing: no address, no title, no words."),
    "not_a_link": _("It is not a link in a form we know."),
    "too_long": _("It is too long to be read."),
    "too_long_address": _("Its address is longer than 2,048 characters."),
    "broken_off": _("The file is damaged from here on. What comes before was read."),
    "damaged": _("This part of the file is damaged."),
}


def sentence(code: str) -> Promise:
    """What to tell a person about this code. KeyError for a code that is none of these."""
    for sentences in (REFUSALS, SKIPPED, LEFT_OUT, FAILED):
        if code in sentences:
            return sentences[code]
    raise KeyError(code)
