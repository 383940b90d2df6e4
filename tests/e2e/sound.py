"""What holds of every page of ours, as a browser sees it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import ConsoleMessage, Page, Request

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
TITLE = re.compile(r".+ · Write or Perish")
# What a browser logs about an answer that a test asks for; the status is tested as such.
ANSWERED = re.compile(r"Failed to load resource: the server responded with a status of (\d+)")

LISTEN = """addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy: ${event.effectiveDirective} ${event.blockedURI} ${event.sample}`));"""

SHAPE = """() => ({
  headings: document.querySelectorAll("h1").length,
  title: document.title,
  lang: document.documentElement.lang,
  wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
})"""

RUN_AXE = """async (tags) => {
  const found = await axe.run(document, { runOnly: tags, resultTypes: ["violations"] });
  return found.violations.map((one) =>
    `${one.id}: ${one.help}\\n  ` + one.nodes.map((node) => `${node.html} ${node.any.map((why) => why.message)}`).join("\\n  "));
}"""


@dataclass
class Heard:
    """What a tab complained about and whom it asked."""

    origin: str
    complaints: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    def console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(message.text)

    def asked(self, request: Request) -> None:
        if not request.url.startswith((f"{self.origin}/", "data:", "blob:")):
            self.strangers.append(request.url)

    def forget(self) -> None:
        self.complaints.clear()
        self.strangers.clear()

    def unexpected(self, *statuses: int) -> list[str]:
        """The complaints, without those about answers of these statuses."""
        expected = {str(status) for status in statuses}
        return [
            words
            for words in self.complaints
            if not ((said := ANSWERED.match(words)) and said[1] in expected)
        ]


def listening(page: Page, origin: str) -> Heard:
    """Hears from now on what this tab logs, what the policy blocks in it and whom it asks."""
    heard = Heard(origin)
    page.on("console", heard.console)
    page.on("pageerror", lambda error: heard.complaints.append(str(error)))
    page.on("request", heard.asked)
    page.add_init_script(LISTEN)
    return heard


@contextmanager
def quiet(page: Page, origin: str, *statuses: int) -> Iterator[Heard]:
    """Fails at the end if the tab logged an error other than these answers, or asked another host."""
    heard = listening(page, origin)
    yield heard
    assert heard.unexpected(*statuses) == []
    assert heard.strangers == []


def faults_of(page: Page, *, axe: bool = True) -> list[str]:
    """What is wrong with the page as it stands, in words; empty for a sound one."""
    # Whoever just followed a link may still see an empty document.
    page.wait_for_load_state()
    shape = page.evaluate(SHAPE)
    faults = []
    if shape["headings"] != 1:
        faults.append(f"{shape['headings']} h1")
    if not TITLE.fullmatch(shape["title"]):
        faults.append(f"the title is “{shape['title']}”")
    if shape["lang"] != "en":
        faults.append(f"lang is “{shape['lang']}”")
    if shape["wide"] > 0:
        faults.append(f"{shape['wide']} px to scroll sideways")
    return faults + (violations(page) if axe else [])


def violations(page: Page) -> list[str]:
    """Each rule of axe that the page breaks, with the places. Costs about 0.2 s a page."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(f"{AXE};0")
    found: list[str] = page.evaluate(RUN_AXE, AXE_TAGS)
    return found
