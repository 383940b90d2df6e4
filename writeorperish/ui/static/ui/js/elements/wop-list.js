// <wop-list> around a list whose items are [data-item], each with a link [data-open] (else its first
// link) and perhaps a button [data-archive]. j and k move the focus from link to link, o opens, e
// archives or dismisses, z presses the last [data-undo] in #toasts. Not in fields, not behind a dialog,
// not with <html data-keys="off">. A <form data-optimistic> in an item hides it at once and brings it
// back, with the focus, when the server did not agree.
import { neighbour } from "../lib/a11y.js";

const FIELD = "input, textarea, select, [contenteditable]";

class WopList extends HTMLElement {
  connectedCallback() {
    if (this.stopListening) return;
    this.stopListening = new AbortController();
    const { signal } = this.stopListening;
    document.addEventListener("keydown", (event) => this.key(event), { signal });
    this.addEventListener("htmx:before:request", (event) => this.hide(event), { signal });
    this.addEventListener("htmx:after:request", (event) => this.settle(event), { signal });
    this.addEventListener("htmx:error", (event) => this.bringBack(event.target), { signal });
  }

  connectedMoveCallback() {}

  disconnectedCallback() {
    this.stopListening.abort();
    this.stopListening = null;
  }

  get items() {
    return [...this.querySelectorAll("[data-item]:not([hidden])")];
  }

  get current() {
    return document.activeElement?.closest("[data-item]") ?? null;
  }

  key(event) {
    if (event.defaultPrevented || event.metaKey || event.ctrlKey || event.altKey) return;
    if (document.documentElement.dataset.keys === "off" || event.target.matches(FIELD)) return;
    if (document.querySelector("dialog:modal") || !this.isMine()) return;
    const act = { j: () => this.step(1), k: () => this.step(-1), o: "open", e: "archive", z: undo }[event.key];
    if (!act) return;
    event.preventDefault();
    if (typeof act === "function") act();
    else if (this.contains(this.current)) part(this.current, act)?.click();
  }

  // One list answers: the one with the focus, else the first of the page.
  isMine() {
    const focused = document.activeElement?.closest("wop-list");
    return (focused ?? document.querySelector("wop-list")) === this;
  }

  step(by) {
    const item = neighbour(this.items, this.current, by);
    if (item) part(item, "open")?.focus();
  }

  hide(event) {
    const item = this.optimistic(event.target);
    if (!item) return;
    const { items } = this;
    const next = neighbour(items, item, item === items.at(-1) ? -1 : 1);
    item.hidden = true;
    if (next && next !== item) part(next, "open")?.focus();
  }

  settle(event) {
    if (event.detail.ctx.response.status >= 400) this.bringBack(event.target);
  }

  bringBack(target) {
    const item = this.optimistic(target);
    if (!item) return;
    item.hidden = false;
    part(item, "open")?.focus();
  }

  optimistic(target) {
    return target.closest?.("form[data-optimistic]")?.closest("[data-item]");
  }
}

function part(item, name) {
  return item.querySelector(`[data-${name}]`) ?? (name === "open" ? item.querySelector("a[href]") : null);
}

function undo() {
  [...document.querySelectorAll("#toasts [data-undo]")].at(-1)?.click();
}

if (!customElements.get("wop-list")) customElements.define("wop-list", WopList);
