// <wop-diff> around the server's word diff: blocks without a change are [data-same]; two columns are
// [data-side], scrolled together; <button type="button" data-changes-only aria-pressed="false" hidden>
// shows the changes alone and is of use only with scripts. State for CSS: [changes-only].
class WopDiff extends HTMLElement {
  connectedCallback() {
    if (this.stopListening) return;
    this.stopListening = new AbortController();
    const { signal } = this.stopListening;
    this.button = this.querySelector("[data-changes-only]");
    if (this.button && this.querySelector("[data-same]")) {
      this.button.hidden = false;
      this.button.addEventListener("click", () => this.toggle(), { signal });
    }
    this.sides = [...this.querySelectorAll("[data-side]")];
    for (const side of this.sides) side.addEventListener("scroll", () => this.follow(side), { signal });
  }

  connectedMoveCallback() {}

  disconnectedCallback() {
    this.stopListening.abort();
    this.stopListening = null;
  }

  toggle() {
    const only = this.toggleAttribute("changes-only");
    for (const block of this.querySelectorAll("[data-same]")) block.hidden = only;
    this.button.setAttribute("aria-pressed", String(only));
  }

  // By share of the height, since the two texts are not equally long.
  follow(side) {
    const share = side.scrollTop / Math.max(1, side.scrollHeight - side.clientHeight);
    for (const other of this.sides) {
      const top = Math.round(share * (other.scrollHeight - other.clientHeight));
      if (other !== side && Math.abs(other.scrollTop - top) > 1) other.scrollTop = top;
    }
  }
}

if (!customElements.get("wop-diff")) customElements.define("wop-diff", WopDiff);
