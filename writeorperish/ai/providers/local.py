"""The local encoder as a provider: embeds on this machine, sends nothing, costs nothing."""

from collections.abc import Sequence
from pathlib import Path

from django.conf import settings

from writeorperish.ai.encoder import Encoder, ModelMissing, encoder
from writeorperish.ai.models import Vector

NAME = "local"
MODEL = "all-MiniLM-L6-v2"


def embed(texts: Sequence[str]) -> list[Vector]:
    """One unit vector per text. ModelMissing without the model's files."""
    return list(_encoder().encode(texts))


def lacking() -> str:
    """Why nothing can be embedded here, as a short code; empty when it can."""
    try:
        _encoder()
    except ModelMissing as missing:
        return missing.reason
    return ""


def _encoder() -> Encoder:
    folder = settings.EMBEDDING_MODEL_DIR
    return encoder(Path(folder) if folder else None)
