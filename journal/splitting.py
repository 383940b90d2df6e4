"""A text above the size cap as parts that together are the text again, character for character."""

import regex

NODE_CHARS = 100_000
SPACE_WITHIN = 1_000

CLUSTER = regex.compile(r"\X")


def split(text: str, cap: int = NODE_CHARS) -> list[str]:
    """The text in parts of 1 to `cap` code points; `"".join(parts) == text`, and no part for no text.

    A part ends after its last newline, else after a space among its final 1,000 characters, else
    where the cap falls, but between two grapheme clusters. Only a cluster longer than the cap is
    cut inside. ValueError for a cap below 1. Cost: linear.
    """
    if cap < 1:
        raise ValueError("A part holds at least one character")
    parts = []
    start = 0
    while len(text) - start > cap:
        end = _cut(text, start, start + cap)
        parts.append(text[start:end])
        start = end
    if start < len(text):
        parts.append(text[start:])
    return parts


def _cut(text: str, start: int, limit: int) -> int:
    newline = text.rfind("\n", start, limit)
    if newline >= 0:
        return newline + 1
    space = text.rfind(" ", max(start, limit - SPACE_WITHIN), limit)
    while space >= 0:
        if _ends_cluster(text, space):
            return space + 1
        space = text.rfind(" ", max(start, limit - SPACE_WITHIN), space)
    return _last_boundary(text, start, limit)


def _ends_cluster(text: str, at: int) -> bool:
    """Whether a cluster ends after this space; a combining mark behind it would belong to it."""
    cluster = CLUSTER.match(text, at)
    return cluster is not None and cluster.end() == at + 1


def _last_boundary(text: str, start: int, limit: int) -> int:
    # Clusters are walked from the start: flags pair up from the first one, so no place further on
    # tells where a cluster begins.
    boundary = start
    for cluster in CLUSTER.finditer(text, start):
        if cluster.end() > limit:
            break
        boundary = cluster.end()
    return boundary if boundary > start else limit
