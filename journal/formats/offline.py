"""The pages of an export: read in any browser, without us, without scripts and without a network."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from html import escape

from django.utils.formats import date_format
from django.utils.translation import get_language, gettext, ngettext

from journal.formats.own import Entry

Render = Callable[[str], str]

STYLE = """
:root { color-scheme: light dark; --ink: #1d1b18; --paper: #fbfaf7; --faint: #6b6660; --line: #dcd7cf; --link: #1f5f8b }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e9e5de; --paper: #191816; --faint: #a39d94; --line: #3a3733; --link: #8cc3ea }
}
* { box-sizing: border-box }
body { margin: 0 auto; padding: 2rem 1rem 6rem; max-width: 42rem; background: var(--paper); color: var(--ink);
  font: 1.0625rem/1.65 Georgia, "Times New Roman", serif; overflow-wrap: break-word }
h1 { font-size: 1.5rem; line-height: 1.25 } h2 { font-size: 1.15rem; margin: 2.5rem 0 .5rem }
h1, h2, nav, footer, .meta, table { font-family: system-ui, sans-serif }
a { color: var(--link) } a:focus-visible { outline: 2px solid; outline-offset: 2px }
article { padding-block: 1.5rem; border-block-start: 1px solid var(--line) }
article h2 { margin-block: 0 .25rem }
.meta, footer { color: var(--faint); font-size: .875rem; margin: 0 0 .75rem }
.plain { white-space: pre-wrap }
pre { overflow-x: auto } blockquote { margin-inline: 0; padding-inline-start: 1rem; border-inline-start: 3px solid var(--line) }
table { border-collapse: collapse; font-size: .875rem; width: 100% }
th, td { text-align: start; vertical-align: top; padding: .35rem .75rem .35rem 0; border-block-end: 1px solid var(--line) }
img { max-width: 100% } audio { width: 100%; margin-block-end: .75rem }
""".strip()

POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; media-src 'self' file:; img-src 'self' file:"
)


@dataclass(frozen=True, slots=True, repr=False)
class MonthPage:
    """One page of entries, as the index lists it. path: from the top of the archive."""

    path: str
    heading: str
    entries: int


@dataclass(frozen=True, slots=True, repr=False)
class DataFile:
    """One file of rows, as the index lists it."""

    path: str
    rows: int
    fields: tuple[str, ...]


def page(title: str, body: str) -> str:
    """A whole HTML page; title is text, body is markup."""
    return (
        f'<!doctype html>\n<html lang="{escape(get_language() or "en")}">\n<head>\n'
        '<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="robots" content="noindex">\n'
        f"<title>{escape(title)}</title>\n<style>\n{STYLE}\n</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def entry(row: Entry, *, file: str, parent: str, render: Render | None) -> str:
    """One entry as a part of a page. file and parent: relative links, to its file and to what it answers."""
    heading = escape(row.title) or escape(date_format(row.local(), "DATETIME_FORMAT"))
    about = [escape(date_format(row.local(), "DATETIME_FORMAT")), escape(row.zone)]
    if row.model:
        about.append(escape(gettext("written by %(model)s") % {"model": row.model}))
    if parent:
        about.append(f'<a href="{escape(parent)}">{escape(gettext("what this answers"))}</a>')
    elif row.parent:
        about.append(escape(gettext("answers an entry that is not in this export")))
    if row.deleted_at:
        words = (
            f"<p>{escape(gettext('You deleted this entry. Answers to it are still there.'))}</p>"
        )
    else:
        about.append(f'<a href="{escape(file)}">{escape(gettext("as a file"))}</a>')
        words = render(row.text) if render else f'<p class="plain">{escape(row.text)}</p>'
    tags = " ".join(f"#{tag}" for tag in row.tags)
    return "\n".join(
        part
        for part in (
            f'<article id="e-{row.id}">',
            f'<h2 dir="auto">{heading}</h2>',
            f'<p class="meta">{" · ".join(about)}</p>',
            *(
                f'<audio controls preload="none" src="../{escape(each)}"></audio>'
                for each in row.sounds
            ),
            f'<div dir="auto">{words}</div>',
            f'<p class="meta">{escape(tags)}</p>' if tags else "",
            _answers(row),
            "</article>",
        )
        if part
    )


def month(heading: str, articles: Iterable[str], *, back: str) -> str:
    """A page of entries; back: the relative link to the index."""
    up = f'<nav><a href="{escape(back)}">{escape(gettext("All months"))}</a></nav>'
    return page(heading, "\n".join([up, f"<h1>{escape(heading)}</h1>", *articles, up]))


def index(title: str, months: list[MonthPage], data: list[DataFile], *, made: str) -> str:
    """The first page: months of entries, then everything else as rows of data."""
    entries = sum(each.entries for each in months)
    count = ngettext("%(n)d entry", "%(n)d entries", entries) % {"n": entries}
    parts = [f"<h1>{escape(title)}</h1>", f'<p class="meta">{escape(made)} · {escape(count)}</p>']
    if months:
        parts += ["<nav>", "<ul>", *(_month_line(each) for each in months), "</ul>", "</nav>"]
    if data:
        parts += [f"<h2>{escape(gettext('Everything else, as data'))}</h2>", _data_table(data)]
    words = gettext(
        "Each entry is also a Markdown file in the folder entries. manifest.json holds a SHA-256 "
        "digest of every file. What other people wrote is not in here."
    )
    parts.append(f"<footer><p>{escape(words)}</p></footer>")
    return page(title, "\n".join(parts))


def _answers(row: Entry) -> str:
    lines = [
        escape(
            gettext("%(name)s answered on %(date)s")
            % {"name": each.handle, "date": date_format(each.at, "DATE_FORMAT")}
        )
        for each in row.answers
    ]
    return f'<p class="meta">{"<br>".join(lines)}</p>' if lines else ""


def _month_line(each: MonthPage) -> str:
    count = ngettext("%(n)d entry", "%(n)d entries", each.entries) % {"n": each.entries}
    return (
        f'<li><a href="{escape(each.path)}">{escape(each.heading)}</a> '
        f'<span class="meta">{escape(count)}</span></li>'
    )


def _data_table(data: list[DataFile]) -> str:
    heads = (gettext("File"), gettext("Rows"), gettext("Fields"))
    lines = [
        f'<tr><td><a href="{escape(each.path)}">{escape(each.path)}</a></td><td>{each.rows}</td>'
        f"<td>{escape(', '.join(each.fields))}</td></tr>"
        for each in data
    ]
    head = "".join(f'<th scope="col">{escape(each)}</th>' for each in heads)
    return "\n".join(["<table>", f"<tr>{head}</tr>", *lines, "</table>"])
