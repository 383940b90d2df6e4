// <wop-time datetime="2026-11-24T14:02:00+01:00" [data-relative]>14:02</wop-time>, or a <time datetime>
// inside it. The server's words stand; with data-relative they become "5 minutes ago" for the last day
// and the one to come. The full date in the reader's own way of writing it is the title.
const STEPS = [
  [60, "second", 1],
  [3_600, "minute", 60],
  [86_400, "hour", 3_600],
];
const REFRESH_MS = 30_000;
const shown = new Set();
let ticking = null;

class WopTime extends HTMLElement {
  connectedCallback() {
    const text = this.querySelector("time") ?? this;
    const instant = new Date(text.getAttribute("datetime") ?? "");
    if (Number.isNaN(instant.getTime())) return;
    this.text = text;
    this.instant = instant;
    this.printed ??= text.textContent;
    const timeZone = document.documentElement.dataset.zone || undefined;
    const full = new Intl.DateTimeFormat(locale(), { dateStyle: "full", timeStyle: "short", timeZone });
    text.title = full.format(instant);
    if (!this.hasAttribute("data-relative")) return;
    shown.add(this);
    ticking ??= setInterval(() => shown.forEach((time) => time.refresh()), REFRESH_MS);
    this.refresh();
  }

  connectedMoveCallback() {}

  disconnectedCallback() {
    shown.delete(this);
    if (shown.size) return;
    clearInterval(ticking);
    ticking = null;
  }

  refresh() {
    const seconds = (this.instant.getTime() - Date.now()) / 1_000;
    const step = STEPS.find(([limit]) => Math.abs(seconds) < limit);
    const words = step ? ago(seconds, step) : this.printed;
    if (this.text.textContent !== words) this.text.textContent = words;
  }
}

function ago(seconds, [, unit, size]) {
  const count = unit === "second" ? 0 : Math.round(seconds / size);
  return new Intl.RelativeTimeFormat(locale(), { numeric: "auto" }).format(count, unit);
}

// The page's language, written as the reader writes it: en-GB for an English page, if that is theirs.
function locale() {
  const lang = document.documentElement.lang || "en";
  return navigator.languages.find((own) => own.split("-")[0] === lang.split("-")[0]) ?? lang;
}

if (!customElements.get("wop-time")) customElements.define("wop-time", WopTime);
