"""Answers kept for a week, so that the same question about the same words is not bought twice.

Only for prompts that say so, and only where every word is the asker's own. A row is found by a digest under its
person's key, so equal words of two people never meet; what was answered is sealed. It goes with any text it was
made of, and with the consent it was asked for.
"""

import json
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction

from writeorperish.ai.composing import Composed
from writeorperish.ai.models import AnswerSource, KeptAnswer
from writeorperish.ai.parts import Answer
from writeorperish.ai.prompts import Prompt
from writeorperish.ai.providers.wire import Request
from writeorperish.ai.routing import Choice
from writeorperish.crypto import blind, keys
from writeorperish.privacy import consent
from writeorperish.privacy.reading import all_stand
from writeorperish.refs import new_id

KEPT_FOR: Final = timedelta(days=7)
BATCH: Final = 1_000


def may_be_kept(prompt: Prompt, composed: Composed, spender: UUID) -> bool:
    """Whether the answer depends on nothing but the asker's own texts, and its prompt lets it be kept."""
    own = all(cut.passage.owner_id == spender for cut in composed.cuts)
    return prompt.cache and bool(composed.cuts) and own and not composed.typed


def mark_of(
    prompt: Prompt, composed: Composed, choice: Choice, request: Request, spender: UUID
) -> bytes:
    """16 bytes, equal exactly when prompt, model, settings, words and the asker's yes are. One query.

    The marks between which texts stand are new each time, and are left out.
    """
    told = [
        prompt.name,
        prompt.version,
        choice.provider,
        choice.key_class,
        request.model,
        request.system,
        [asdict(turn) for turn in request.turns],
        request.max_output,
        request.effort,
        request.schema,
        str(consent.decided_by(spender, prompt.purpose)),
    ]
    words = json.dumps(told, sort_keys=True, ensure_ascii=False).replace(composed.recipe.mark, "")
    return blind.digest(keys.person(spender), b"ai.answer", words.encode())


def kept(spender: UUID, mark: bytes, *, now: datetime) -> KeptAnswer | None:
    """The answer under this mark, with the call that bought it; None after a week. One query."""
    rows = KeptAnswer.objects.filter(owner=spender, mark=mark, made_at__gt=now - KEPT_FOR)
    return rows.select_related("call").first()


@transaction.atomic
def keep(answer: Answer, mark: bytes, prompt: Prompt, *, spender: UUID) -> None:
    """Keeps the answer, unless one of its texts changed, closed or went meanwhile. They are held until the end."""
    passages = [cut.passage for cut in answer.read]
    if answer.call is None or not all_stand(passages, purpose=prompt.purpose):
        return
    KeptAnswer.objects.filter(owner=spender, mark=mark).delete()
    row = KeptAnswer.objects.create(
        id=new_id(),
        owner_id=spender,
        mark=mark,
        purpose=prompt.purpose,
        text=answer.text,
        model_name=answer.model,
        call_id=answer.call,
    )
    AnswerSource.objects.bulk_create(
        AnswerSource(answer=row, owner_id=spender, source_kind=ref.kind, source_id=ref.id)
        for ref in dict.fromkeys(passage.ref for passage in passages)
    )


def drop(spender: UUID, purpose: str) -> None:
    """Nothing that was asked for under this consent is kept any more."""
    covered = [purpose, *(each for each, by in consent.COVERED_BY.items() if by == purpose)]
    KeptAnswer.objects.filter(owner=spender, purpose__in=covered).delete()


def drop_old(now: datetime) -> int:
    """How many answers went because their week is over."""
    old = KeptAnswer.objects.filter(made_at__lte=now - KEPT_FOR).order_by("made_at")
    total = 0
    while ids := list(old.values_list("pk", flat=True)[:BATCH]):
        KeptAnswer.objects.filter(pk__in=ids).delete()
        total += len(ids)
    return total
