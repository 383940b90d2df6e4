"""Search and the palette: one's own texts, found again."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from download.search import CursorInvalid, Found, Mode, Whose, search
from writeorperish.ops.limits import limited
from writeorperish.ui.pages import show

PALETTE_HITS = 8


@login_required
@require_safe
@limited("search")
def results(request: HttpRequest) -> HttpResponse:
    """The field, how it was read, and a page of hits; each opens at its passage."""
    typed = request.GET.get("q", "")
    mode, whose = mode_of(request.GET.get("mode", "")), whose_of(request.GET.get("in", ""))
    found = page_of(request, typed, mode, whose)
    read = found.query.text
    context = {
        "typed": read,
        "found": found,
        "mode": str(mode),
        "whose": str(whose),
        "tabs": {str(each): address(read, each, whose) for each in Mode},
        "scopes": {str(each): address(read, mode, each) for each in Whose},
        "chips": [(chip.text, address(chip.rest, mode, whose)) for chip in found.query.chips],
        "next_url": address(read, mode, whose, cursor=found.next or ""),
        "missing": missing(found),
    }
    return show(request, "download/search.html", context, parts=("results",))


def page_of(request: HttpRequest, typed: str, mode: Mode, whose: Whose) -> Found:
    """The page the address names; the first one where its cursor belongs to another search."""
    zone = timezone.get_current_timezone()
    person = request.user
    cursor = request.GET.get("cursor", "")
    try:
        return search(person, typed, mode=mode, whose=whose, zone=zone, cursor=cursor)  # type: ignore[arg-type]  # signed in
    except CursorInvalid:
        return search(person, typed, mode=mode, whose=whose, zone=zone)  # type: ignore[arg-type]  # signed in


def mode_of(text: str) -> Mode:
    return Mode(text) if text in set(Mode) else Mode.BOTH


def whose_of(text: str) -> Whose:
    return Whose(text) if text in set(Whose) else Whose.MINE


def address(typed: str, mode: Mode, whose: Whose, cursor: str = "") -> str:
    query = {"q": typed, "mode": str(mode)}
    query |= {"in": str(whose)} if whose is not Whose.MINE else {}
    query |= {"cursor": cursor} if cursor else {}
    return f"?{urlencode(query)}"


def missing(found: Found) -> int:
    """How many texts AI may read are not yet searchable by meaning."""
    covered = found.coverage
    return max(0, covered.wanted - covered.done - covered.refused)


@login_required
@require_safe
@limited("palette")
def palette(request: HttpRequest) -> HttpResponse:
    """A few hits for what is being typed; the page of the palette without scripts."""
    typed = request.GET.get("q", "")
    found = page_of(request, typed, Mode.WORDS, Whose.MINE)
    context = {
        "typed": found.query.text,
        "hits": found.hits[:PALETTE_HITS] if typed.strip() else [],
    }
    return show(request, "download/palette.html", context, parts=("palette-results",))
