// <wop-beside> around #beside with <form data-ask> (hidden inputs: draft at; htmx sends it on wop:ask), a
// [data-cards] and forms with data-quote="words": once somebody pauses in a <wop-editor> of the page, after
// a dozen new words that the server has, the form is sent, at most every half minute and never in focus
// mode. A form with data-quote writes its words into the text. With another text the cards go.
import { quote } from "../lib/markdown.js";

const SILENCE_MS = 4_000;
const EVERY_MS = 30_000;
const NEW_WORDS = 12;

class WopBeside extends HTMLElement {
  connectedCallback() {
    if (this.stopListening) return;
    this.words = 0;
    this.asked = -EVERY_MS;
    this.stopListening = new AbortController();
    const { signal } = this.stopListening;
    const on = (target, name, act) => target.addEventListener(name, act, { signal });
    on(document, "input", (event) => this.typed(event));
    for (const name of ["saved", "device"]) {
      on(document, `wop:editor-${name}`, (event) => this.heard(event.target));
    }
    on(this, "submit", (event) => this.quoted(event));
    on(this, "htmx:after:swap", () => this.offer());
    // Nobody asked for it, so nobody is told when it fails: the next pause asks again.
    for (const name of ["htmx:response:error", "htmx:error"]) {
      on(this, name, (event) => event.target.matches("[data-ask]") && event.stopPropagation());
    }
    this.offer();
  }

  connectedMoveCallback() {}

  disconnectedCallback() {
    this.stopListening?.abort();
    this.stopListening = null;
    clearTimeout(this.pause);
  }

  get form() {
    return this.querySelector("[data-ask]");
  }

  // What only a script can do is offered by one.
  offer() {
    for (const form of this.querySelectorAll("[data-quote]")) form.hidden = false;
  }

  typed({ target }) {
    const editor = target.closest?.("wop-editor");
    if (!editor || target !== editor.area) return;
    this.editor = editor;
    this.leave();
    this.after(SILENCE_MS);
  }

  after(ms) {
    clearTimeout(this.pause);
    this.pause = setTimeout(() => this.look(), ms);
  }

  heard(editor) {
    if (editor !== this.editor) return;
    this.leave();
    if (this.waiting) this.look();
  }

  look() {
    const { editor } = this;
    if (!editor?.isConnected || !this.form) return;
    const count = editor.area.value.match(/\S+/gu)?.length ?? 0;
    this.words = Math.min(this.words, count);
    const focused = document.documentElement.hasAttribute("data-focus-mode");
    if (focused || count - this.words < NEW_WORDS) return;
    const wait = this.asked + EVERY_MS - performance.now();
    if (wait > 0) return this.after(wait);
    // The server looks at what it has: so it has to have it.
    this.waiting = editor.hasAttribute("dirty");
    if (!this.waiting) this.ask(count);
  }

  ask(count) {
    const { area, dataset } = this.editor;
    this.words = count;
    this.asked = performance.now();
    this.form.elements.draft.value = dataset.draft;
    // Code points, as the server counts.
    this.form.elements.at.value = [...area.value.slice(0, area.selectionStart)].length;
    this.form.dispatchEvent(new CustomEvent("wop:ask"));
  }

  // Cards of a text that is no longer on the screen go with it.
  leave() {
    const draft = this.form?.elements.draft;
    if (!draft?.value || draft.value === this.editor.dataset.draft) return;
    draft.value = "";
    this.words = 0;
    this.waiting = false;
    this.form.elements.shown.value = "";
    this.querySelector("[data-cards]").replaceChildren();
  }

  quoted(event) {
    const words = event.target.dataset.quote;
    const editor = this.editor ?? document.querySelector("wop-editor");
    if (words && editor) quote(editor.area, words);
  }
}

if (!customElements.get("wop-beside")) customElements.define("wop-beside", WopBeside);
