"""The tool pages: what browsers, phones and developers ask for, and no page about a person."""

import hashlib
import json
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import urlencode, urlsplit

import structlog
from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.loader import get_template
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from writeorperish.ops import limits
from writeorperish.ops.logging import current_request_id
from writeorperish.ops.middleware import client_ip
from writeorperish.ops.refusals import Barred, Missing, Unreadable
from writeorperish.ui import gallery
from writeorperish.ui.middleware import refusal
from writeorperish.ui.pages import show

log = structlog.get_logger()

SERVICE_WORKER: Final = Path(__file__).with_name("service_worker.js")
PRECACHED: Final = (".css", ".js", ".svg")
LONGEST_REPORT_BYTES: Final = 16 * 1024
PAPER: Final = "#FAF8F3"
SHARED: Final = ("title", "text", "url")

schema = SpectacularAPIView.as_view()
swagger = SpectacularSwaggerSplitView.as_view(url_name="api-schema")


# --- for developers --------------------------------------------------------------------------


@require_safe
def styleguide(request: HttpRequest) -> HttpResponse:
    _developers_only(request)
    return show(request, "ui_pages/styleguide.html", {"cards": gallery.cards()})


@require_safe
def docs(request: HttpRequest) -> HttpResponseBase:
    """Swagger's face of the API, for staff or DEBUG."""
    _developers_only(request)
    return swagger(request)


def _developers_only(request: HttpRequest) -> None:
    if not (settings.DEBUG or (request.user.is_authenticated and request.user.is_staff)):
        raise Missing


# --- for browsers and phones -----------------------------------------------------------------


@require_safe
def offline(_request: HttpRequest) -> HttpResponse:
    """What is shown without a network. Every device keeps it, so it is made without looking who asks."""
    return HttpResponse(get_template("ui_pages/offline.html").render())


@require_safe
def service_worker(_request: HttpRequest) -> HttpResponse:
    files = json.dumps(precached())
    version = hashlib.sha256(files.encode()).hexdigest()[:16]
    head = f"const VERSION = {json.dumps(version)};\nconst FILES = {files};\n"
    return HttpResponse(
        head + SERVICE_WORKER.read_text(encoding="utf-8"),
        content_type="text/javascript",
        headers={"Cache-Control": "no-cache", "Service-Worker-Allowed": "/"},
    )


def precached() -> list[str]:
    """The addresses of our styles, scripts and icons, under the names they are served by; none in DEBUG."""
    hashed: Mapping[str, str] = getattr(staticfiles_storage, "hashed_files", {})
    ours = (name for name in hashed if name.startswith("ui/") and name.endswith(PRECACHED))
    # The parts of the one style sheet are collected too, and no page asks for them.
    return sorted(static(name) for name in ours if not name.startswith("ui/css/"))


@require_safe
def manifest(_request: HttpRequest) -> JsonResponse:
    shortcuts = [(_("Write"), "journal:write"), (_("Record"), "journal:voice")]
    return JsonResponse(
        {
            "id": "/",
            "name": "Write or Perish",
            "short_name": "Write",
            "start_url": "/journal/",
            "scope": "/",
            "display": "standalone",
            "background_color": PAPER,
            "theme_color": PAPER,
            "launch_handler": {"client_mode": "navigate-existing"},
            "shortcuts": [
                {"name": name, "url": url} for name, view in shortcuts if (url := _standing(view))
            ],
            "share_target": {
                "action": reverse("ui:share-target"),
                "method": "GET",
                "params": {name: name for name in SHARED},
            },
        },
        content_type="application/manifest+json",
    )


@require_safe
def share_target(request: HttpRequest) -> HttpResponse:
    """On to saving the link, where there is one and a library, else to a new entry: pre-filled, unsaved."""
    given = {name: request.GET[name] for name in SHARED if request.GET.get(name)}
    # Android puts the address among the words.
    linked = any("http://" in each or "https://" in each for each in given.values())
    saving = _standing("download:save") if linked else ""
    if saving:
        note = {"note": given["text"]} if "text" in given else {}
        kept = {name: given[name] for name in ("url", "title") if name in given}
        return redirect(f"{saving}?{urlencode(kept | note)}")
    return redirect(f"{_standing('journal:write') or '/'}?{urlencode(given)}")


def _standing(view_name: str) -> str:
    try:
        return reverse(view_name)
    except NoReverseMatch:
        return ""


@csrf_exempt
@require_POST
def csp_report(request: HttpRequest) -> HttpResponse:
    """204, always. What a browser blocked, or with `?kind=js` a script's error, becomes a log line.

    Of an address only its origin or our own file's path is kept: pages have ids in theirs.
    """
    nothing = HttpResponse(status=204)
    size = request.headers.get("Content-Length", "")
    if not size.isdecimal() or int(size) > LONGEST_REPORT_BYTES:
        return nothing
    if not limits.take("csp_report", client_ip(request)).allowed:
        return nothing
    report = _report_in(request.body)
    if request.GET.get("kind") == "js":
        log.warning(
            "browser.error",
            code=hashlib.sha256(_text(report, "message").encode()).hexdigest()[:12],
            source=_file_of(_text(report, "file", "source")),
            line=_number(report.get("line")),
        )
    else:
        directive = _text(report, "effective-directive", "violated-directive", "effectiveDirective")
        log.warning(
            "csp.blocked",
            directive=directive.split(" ")[0][:40],
            blocked=_origin_of(_text(report, "blocked-uri", "blockedURL")),
            source=_file_of(_text(report, "source-file", "sourceFile")),
        )
    return nothing


def _report_in(body: bytes) -> Mapping[str, object]:
    """The report, in the old wrapping or the new; empty when it is none."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if isinstance(value, list):
        value = value[0] if value else {}
    if not isinstance(value, dict):
        return {}
    inner = value.get("csp-report") or value.get("body") or value
    return inner if isinstance(inner, dict) else {}


def _text(report: Mapping[str, object], *names: str) -> str:
    found = (report[name] for name in names if isinstance(report.get(name), str))
    return str(next(found, ""))


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _origin_of(address: str) -> str:
    """Scheme and host; a keyword such as `inline` as it is."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "unreadable"
    if parts.netloc:
        return f"{parts.scheme}://{parts.hostname}"
    return parts.scheme or (
        address if address in {"inline", "eval", "data", "blob", "self"} else ""
    )


def _file_of(address: str) -> str:
    """The path of one of our files; `page` for any other address."""
    try:
        path = urlsplit(address).path
    except ValueError:
        return "unreadable"
    return path if path.startswith(settings.STATIC_URL) or path == "/sw.js" else "page"


# --- for errors ------------------------------------------------------------------------------


@csrf_exempt
def nothing_here(request: HttpRequest, rest: str = "") -> HttpResponse:
    """The answer of every address below /api/ that nobody serves."""
    return refusal(request, Missing())


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return refusal(request, Unreadable())


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return refusal(request, Barred())


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return refusal(request, Missing())


def broken(request: HttpRequest) -> HttpResponse:
    """The 500 page. It asks for nothing that may itself be broken: no person, no rail, no database."""
    page = get_template("500.html").render({"request_id": current_request_id()})
    return HttpResponse(page, status=HTTPStatus.INTERNAL_SERVER_ERROR)
