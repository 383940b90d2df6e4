// <wop-reader data-progress="/address/" data-at="0.25"> around [data-page], a form to type words into and a
// form [data-here]: what is selected in the page can be marked where it stands, and how far the page was
// read is kept. Without scripts the first form does it.
import { send } from "../lib/net.js";

const EVERY_MS = 10_000;
const LONGEST = 10_000;

class WopReader extends HTMLElement {
  connectedCallback() {
    if (this.stopListening) return;
    this.page = this.querySelector("[data-page]");
    this.here = this.querySelector("[data-here]");
    this.reached = Number(this.dataset.at) || 0;
    this.kept = this.reached;
    this.stopListening = new AbortController();
    const { signal } = this.stopListening;
    document.addEventListener("selectionchange", () => this.offer(), { signal });
    document.addEventListener("scroll", () => this.look(), { signal, passive: true });
    document.addEventListener("visibilitychange", () => document.hidden && this.keep(), { signal });
    this.clock = setInterval(() => this.keep(), EVERY_MS);
    this.look();
  }

  connectedMoveCallback() {}

  disconnectedCallback() {
    this.stopListening?.abort();
    this.stopListening = null;
    clearInterval(this.clock);
  }

  offer() {
    const selection = getSelection();
    const words = selection.toString().trim();
    const range = selection.rangeCount ? selection.getRangeAt(0) : null;
    const inside = range && this.page.contains(range.commonAncestorContainer);
    this.here.hidden = !inside || !words || words.length > LONGEST;
    if (this.here.hidden) return;
    this.here.elements.quote.value = words;
    const below = range.getBoundingClientRect().bottom - this.getBoundingClientRect().top;
    this.here.style.setProperty("inset-block-start", `${Math.round(below) + 8}px`);
  }

  look() {
    const { top, height } = this.page.getBoundingClientRect();
    if (!height) return;
    const seen = (innerHeight - top) / height;
    this.reached = Math.max(this.reached, Math.min(1, Math.max(0, seen)));
  }

  async keep() {
    if (this.reached - this.kept < 0.01) return;
    const body = new URLSearchParams({ progress: this.reached.toFixed(3) });
    this.kept = this.reached;
    await send("POST", this.dataset.progress, body, {}, { keepalive: document.hidden });
  }
}

if (!customElements.get("wop-reader")) customElements.define("wop-reader", WopReader);
