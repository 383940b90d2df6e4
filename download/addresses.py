"""Addresses on the web, pure: what counts as one, and which of them are the same place.

What is opened is always the address as it was given; the canonical form only tells two of them apart.
"""

import re
from collections.abc import Iterator
from urllib.parse import SplitResult, unquote, urlsplit

import idna

LONGEST = 2_048
# Where somebody came from, never where they went.
TRACKING = frozenset(
    [
        "fbclid",
        "gclid",
        "dclid",
        "msclkid",
        "igshid",
        "si",
        "ref_src",
        "yclid",
        "_hsenc",
        "_hsmi",
        "vero_id",
    ]
)
TRACKING_STARTS = ("utm_", "mc_")
TRACKING_OF_HOST = {
    host: frozenset(["t", "s"])
    for name in ("x.com", "twitter.com")
    for host in (name, f"www.{name}", f"mobile.{name}")
}

_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}|.", re.DOTALL)
_HOST = re.compile(r"[a-z0-9._~-]+|\[[0-9a-f:.]+\]")
_IN_TEXT = re.compile(r"https?://[^\s<>\"'“”«»]+", re.IGNORECASE)
_UNRESERVED = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")
_IN_PATH = _UNRESERVED | frozenset("!$&'()*+,;=:@/")
_IN_QUERY = _IN_PATH | frozenset("?")


def address(given: str) -> str | None:
    """What was given as it can be opened: http or https with a host, at most 2,048 characters; else None."""
    cleaned = _UNSEEN.sub("", given).strip()
    return cleaned if len(cleaned) <= LONGEST and canonical(cleaned) is not None else None


def canonical(given: str) -> str | None:
    """One form for all spellings of a place, None for what is no address. Never raises; idempotent.

    Both schemes, a trailing slash, the usual ports, tracking and most fragments make no difference;
    `www.` and the order of what is asked do.
    """
    parts = _parted(given)
    host = None if parts is None else _host(parts)
    if parts is None or host is None:
        return None
    query = "&".join(_asked(parts.query, host))
    fragment = _spelled(parts.fragment, _IN_QUERY)
    kept = fragment if fragment.startswith(("!", "/")) else ""
    return (
        f"https://{host}{_path(parts.path)}"
        f"{f'?{query}' if query else ''}{f'#{kept}' if kept else ''}"
    )


def host_of(given: str) -> str:
    """The host of an address as it is compared; empty when there is none."""
    parts = _parted(given)
    host = None if parts is None else _host(parts, port=False)
    return host or ""


def name_of(given: str) -> str:
    """Host and path: what an address is called while nothing else is known of it."""
    parts = _parted(given)
    if parts is None:
        return given
    path = unquote(parts.path, errors="replace").rstrip("/")
    return _UNSEEN.sub("", f"{host_of(given).removeprefix('www.')}{path}")


def first_in(*texts: str) -> str:
    """The first address in any of the texts, in their order; empty when none holds one."""
    for text in texts:
        for match in _IN_TEXT.finditer(text):
            found = address(match[0].rstrip(".,;:!?)]}"))
            if found is not None:
                return found
    return ""


def _parted(given: str) -> SplitResult | None:
    try:
        parts = urlsplit(_UNSEEN.sub("", given).strip())
        parts.port  # noqa: B018  # raises for what is no port
    except ValueError:
        return None
    return parts if parts.scheme in {"http", "https"} else None


def _host(parts: SplitResult, *, port: bool = True) -> str | None:
    name = (parts.hostname or "").rstrip(".")
    if ":" in name:
        name = f"[{name}]"
    elif not name.isascii():
        try:
            name = idna.encode(name, uts46=True, std3_rules=False).decode().rstrip(".")
        except (idna.IDNAError, UnicodeError):
            return None
    name = name.lower()
    if not _HOST.fullmatch(name):
        return None
    return f"{name}:{parts.port}" if port and parts.port not in {None, 80, 443} else name


def _path(path: str) -> str:
    kept: list[str] = []
    for step in _spelled(path, _IN_PATH).split("/")[1:]:
        if step == "..":
            del kept[-1:]
        elif step != ".":
            kept.append(step)
    return f"/{'/'.join(kept)}".rstrip("/") or "/"


def _asked(query: str, host: str) -> Iterator[str]:
    tracking = TRACKING | TRACKING_OF_HOST.get(host, frozenset())
    for each in query.split("&"):
        spelled = _spelled(each, _IN_QUERY)
        name = unquote(spelled.partition("=")[0], errors="replace").lower()
        if spelled and name not in tracking and not name.startswith(TRACKING_STARTS):
            yield spelled


def _spelled(text: str, allowed: frozenset[str]) -> str:
    """Escapes only where they are needed, in capital letters."""
    return "".join(_one(match[0], allowed) for match in _ESCAPE.finditer(text))


def _one(piece: str, allowed: frozenset[str]) -> str:
    if len(piece) == 1:
        return piece if piece in allowed else "".join(f"%{byte:02X}" for byte in piece.encode())
    character = chr(int(piece[1:], 16))
    return character if character in _UNRESERVED else piece.upper()
