// <wop-palette> once in the shell:
//   <a href="/search/palette/" data-palette-open>Search</a>            without scripts, the page
//   <dialog> <form method="get" action="/search/"> <h2>
//     <input name="q" role="combobox" aria-controls="palette-results" aria-expanded="true" autocomplete="off"
//        hx-get="/search/palette/" hx-trigger="input changed delay:150ms, wop:palette-open"
//        hx-target="#palette-results" hx-sync="this:replace">
//     <div id="palette-actions" role="listbox"> <a role="option" id href>   filtered here, at once
//     <div id="palette-results" role="listbox"> the same, from the server
//     <p data-palette-failed hidden>
// ⌘K or Ctrl K opens it from anywhere, fields included. Arrows move aria-activedescendant, Enter opens.
import { neighbour, openModal } from "../lib/a11y.js";

const ACTIONS_SHOWN = 8;

class WopPalette extends HTMLElement {
  connectedCallback() {
    if (this.stopListening) return;
    this.dialog = this.querySelector("dialog");
    this.input = this.querySelector("[role=combobox]");
    this.stopListening = new AbortController();
    const { signal } = this.stopListening;
    document.addEventListener("keydown", (event) => this.shortcut(event), { signal });
    this.addEventListener("click", (event) => this.click(event), { signal });
    this.input.addEventListener("input", () => this.typed(), { signal });
    this.input.addEventListener("keydown", (event) => this.key(event), { signal });
    this.addEventListener("htmx:after:swap", () => this.arrived(true), { signal });
    this.addEventListener("htmx:response:error", () => this.arrived(false), { signal });
    this.addEventListener("htmx:error", (event) => this.unreachable(event), { signal });
  }

  connectedMoveCallback() {}

  disconnectedCallback() {
    this.stopListening.abort();
    this.stopListening = null;
  }

  get results() {
    return this.querySelector("#palette-results");
  }

  get options() {
    return [...this.querySelectorAll("[role=option]:not([hidden])")];
  }

  shortcut(event) {
    const command = (event.metaKey || event.ctrlKey) && !event.shiftKey && !event.altKey;
    if (!command || event.key.toLowerCase() !== "k") return;
    event.preventDefault();
    if (this.dialog.open) this.dialog.close();
    else if (!document.querySelector("dialog:modal")) this.open();
  }

  click(event) {
    if (!event.target.closest("[data-palette-open]") || event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    this.open();
  }

  open() {
    this.input.value = "";
    openModal(this.dialog);
    this.input.focus();
    this.filter();
    this.input.dispatchEvent(new CustomEvent("wop:palette-open", { bubbles: true }));
  }

  typed() {
    this.results.setAttribute("aria-busy", "true");
    this.filter();
  }

  filter() {
    const wanted = this.input.value.trim().toLocaleLowerCase();
    let shown = 0;
    for (const action of this.querySelectorAll("#palette-actions [role=option]")) {
      const fits = action.textContent.toLocaleLowerCase().includes(wanted);
      action.hidden = !fits || shown >= ACTIONS_SHOWN;
      if (!action.hidden) shown += 1;
    }
    this.choose(this.options[0]);
  }

  arrived(well) {
    this.results.removeAttribute("aria-busy");
    this.querySelector("[data-palette-failed]")?.toggleAttribute("hidden", well);
    // What was chosen stays chosen when it comes again with the new results.
    const chosen = this.input.getAttribute("aria-activedescendant");
    this.choose(this.options.find((option) => option.id === chosen) ?? this.options[0]);
  }

  // It says so itself; a toast would lie behind it.
  unreachable(event) {
    event.preventDefault();
    this.arrived(false);
  }

  key(event) {
    if (event.isComposing) return;
    const { options } = this;
    const chosen = options.find((option) => option.getAttribute("aria-selected") === "true");
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: 5, PageUp: -5 };
    if (event.key in moves) {
      event.preventDefault();
      this.choose(neighbour(options, chosen, moves[event.key]));
    }
    if (event.key === "Enter" && chosen) {
      event.preventDefault();
      (chosen.matches("a, button") ? chosen : chosen.querySelector("a, button")).click();
    }
  }

  choose(option) {
    for (const other of this.querySelectorAll("[aria-selected=true]")) other.setAttribute("aria-selected", "false");
    if (!option) {
      this.input.removeAttribute("aria-activedescendant");
      return;
    }
    option.setAttribute("aria-selected", "true");
    this.input.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  }
}

if (!customElements.get("wop-palette")) customElements.define("wop-palette", WopPalette);
