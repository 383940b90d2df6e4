"""The codes of what can go wrong with a file of somebody's past, and the sentence for each."""

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

# The whole file is refused; nothing of it was imported.
REFUSALS: Final[dict[str, Promise]] = {
    "not_zip": _("This is neither a zip nor a JSON file, or it is damaged."),
    "encrypted": _("This zip file has a password. Save it again without one."),
    "unknown_kind": _(
        "This is none of the exports we can read, and it has no Markdown files (.md)."
    ),
    "no_markdown": _("There is no Markdown file (.md) in this zip file."),
    "no_entries": _("There are no entries in this export."),
    "not_own": _("This is not an export of Write or Perish."),
    "not_markdown": _("There is no Markdown file (.md) in this zip file."),
    "not_chatgpt": _("This is not an export of ChatGPT."),
    "not_claude": _("This is not an export of Claude."),
    "not_dayone": _("This is not an export of Day One as JSON."),
    "nested": _("This zip file holds other archives. Unpack them and zip their files again."),
    "too_many_members": _("This zip file holds more than 50,000 files. Split it into several."),
    "too_large": _("Unpacked, this zip file is larger than 2 GB. Split it into several."),
    "member_too_large": _("A file in this zip file is larger than 256 MB."),
    "bomb": _(
        "Unpacked, this zip file is more than 200 times its size. It was not opened further."
    ),
    "too_much_memory": _("This file needs more memory to read than we can give. Split it."),
    "too_slow": _("This file takes too long to read. Split it into several."),
    "stopped": _("Reading this file stopped for a reason we don't know. Try again."),
}

# One row is left out; the others come.
UNREADABLE: Final[dict[str, Promise]] = {
    "empty": _("There are no words in it."),
    "no_turns": _("Neither side of the conversation says a word."),
    "not_conversation": _("This is not a conversation in a form we know."),
    "not_entry": _("This is not an entry in a form we know."),
    "broken_off": _("The file is damaged from here on. What comes before was read."),
    "other_export": _("This belongs to another program's export. Bring it on its own."),
    "not_text": _("The file is not text."),
    "too_long": _("It is longer than 10 MB."),
    "damaged": _("The file is damaged."),
    "compression": _("The file is packed in a way we can't read."),
    "link": _("The file is only a link to another one."),
    "nested": _("The file is an archive; unpack it first."),
    "same_id": _("Another one with the same id came before."),
    "sound_missing": _("The recording is not in the file. Its entry comes without it."),
    "sound_too_long": _("The recording is larger than 200 MB. Its entry comes without it."),
    "sound_unknown": _(
        "The recording is no sound that can be read here. Its entry comes without it."
    ),
    "sound_unmade": _(
        "The recording came, but nothing that can be played could be made of it. Its entry is here."
    ),
    "sound_alone": _("The entry of this recording was not imported."),
    "sound_no_room": _(
        "There is no room for this recording: together yours would hold more than they may. Its entry "
        "comes without it. Delete recordings you no longer need, then import the same file again."
    ),
}

# The row comes, but something about it had to be guessed or left out.
NOTES: Final[dict[str, Promise]] = {
    "recordings_left_out": _("Recordings were left out."),
    "media_left_out": _("Pictures and other files were left out."),
    "no_date": _("There was no date; the day of the import stands for it."),
    "read_as_western": _("The encoding was not clear; read as Western European."),
    "characters_replaced": _("Some characters could not be read."),
    "characters_dropped": _("Control characters were left out."),
    "fields_too_long": _("The fields at the top are longer than 64 kB and stay in the text."),
    "fields_with_aliases": _("The fields at the top use aliases and stay in the text."),
    "fields_unreadable": _("The fields at the top could not be read and stay in the text."),
}


def sentence(code: str) -> Promise:
    """What to tell a person about this code. KeyError for a code that is none of these."""
    for sentences in (REFUSALS, UNREADABLE, NOTES):
        if code in sentences:
            return sentences[code]
    raise KeyError(code)
