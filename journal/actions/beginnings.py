"""The versions a conversation with AI began with: written down at the first reply, and kept to by the later ones."""

from uuid import UUID

from django.contrib.auth.models import AbstractUser
from django.db import transaction
from django.utils import timezone

from journal.actions.portraits import current_of
from journal.models.beginnings import Beginning
from journal.replying import PROMPT
from writeorperish.ai import prompts, requests
from writeorperish.ai.prompts import Prompt


def beginning_of(person: AbstractUser, root_id: UUID) -> Beginning | None:
    """What this conversation began with; None before its first reply. One query."""
    rows = Beginning.objects.filter(owner=person.pk, root=root_id)
    return rows.select_related("portrait").first()


@transaction.atomic
def begin(person: AbstractUser, root_id: UUID) -> Beginning:
    """What the conversation keeps from its first reply on: the portrait that stands now, and our words of today."""
    standing = beginning_of(person, root_id)
    if standing is not None:
        return standing
    prompt, portrait = prompts.named(PROMPT), current_of(person)
    requests.file_words(prompt)
    # Another reply in the same conversation may have been faster by a moment.
    Beginning.objects.get_or_create(
        owner_id=person.pk,
        root_id=root_id,
        defaults={
            "portrait": portrait,
            "portrait_rev": portrait.rev if portrait else None,
            "prompt_version": prompt.version,
        },
    )
    return Beginning.objects.select_related("portrait").get(owner=person.pk, root=root_id)


def words_for(beginning: Beginning) -> Prompt:
    """Our words to the model as the conversation began with them.

    Today's where those can't be filled with what replies are made of any more, which is then written down.
    """
    today = prompts.named(PROMPT)
    if beginning.prompt_version == today.version:
        return today
    filed = requests.words_filed(PROMPT, beginning.prompt_version)
    if filed is not None and filed.slots.keys() == today.slots.keys():
        return filed
    requests.file_words(today)
    beginning.prompt_version, beginning.reworded_at = today.version, timezone.now()
    beginning.save(update_fields=["prompt_version", "reworded_at"])
    return today
