// <wop-menu> <button type="button" popovertarget="<id>" aria-haspopup="menu">
//   <div popover id="<id>"> links and buttons, [role=menuitem] or plain </div>
// The popover opens and closes by itself; this puts it beside its button and adds the arrow keys.
import { neighbour } from "../lib/a11y.js";

const GAP_PX = 4;

class WopMenu extends HTMLElement {
  connectedCallback() {
    if (this.stopListening) return;
    this.menu = this.querySelector("[popover]");
    this.button = this.querySelector("[popovertarget]");
    if (!this.menu || !this.button) return;
    this.stopListening = new AbortController();
    const { signal } = this.stopListening;
    this.menu.addEventListener("toggle", (event) => this.toggled(event), { signal });
    this.menu.addEventListener("keydown", (event) => this.key(event), { signal });
    window.addEventListener("scroll", () => this.hide(), { signal, passive: true });
    window.addEventListener("resize", () => this.hide(), { signal });
  }

  connectedMoveCallback() {}

  disconnectedCallback() {
    this.stopListening?.abort();
    this.stopListening = null;
  }

  get items() {
    return [...this.menu.querySelectorAll("a[href], button")].filter((item) => item.checkVisibility());
  }

  toggled(event) {
    const open = event.newState === "open";
    this.button.setAttribute("aria-expanded", String(open));
    if (!open) return;
    this.place();
    this.items[0]?.focus();
  }

  hide() {
    if (this.menu.matches(":popover-open")) this.menu.hidePopover();
  }

  place() {
    const at = this.button.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = this.menu;
    const below = at.bottom + GAP_PX + height <= innerHeight;
    const top = below ? at.bottom + GAP_PX : Math.max(GAP_PX, at.top - GAP_PX - height);
    const left = Math.min(Math.max(GAP_PX, at.right - width), innerWidth - width - GAP_PX);
    const { style } = this.menu;
    style.setProperty("position", "fixed");
    style.setProperty("margin", "0");
    style.setProperty("inset", `${Math.round(top)}px auto auto ${Math.round(left)}px`);
  }

  key(event) {
    const { items } = this;
    const move = { ArrowDown: 1, ArrowUp: -1, Home: -items.length, End: items.length }[event.key];
    if (move === undefined) return;
    event.preventDefault();
    neighbour(items, document.activeElement, move)?.focus();
  }
}

if (!customElements.get("wop-menu")) customElements.define("wop-menu", WopMenu);
