// <wop-toasts id="toasts" data-msg-failed="That didn't work. Nothing was lost.">
//   each toast: <div class="toast" role="status|alert" [data-sticky]> words, one action,
//     <button type="button" data-dismiss>; the server appends them (beforeend) or prints them.
//   <template data-toast>: one such toast with [data-words], [data-reference], button[data-act hidden],
//     for what scripts have to say: event `wop:toast-show` {words, kind, reference, sticky, act}.
// Two are shown, the others wait; ten seconds each, standing still under the pointer or the focus.
const SHOWN = 2;
const LIFE_MS = 10_000;
const TICK_MS = 250;

class WopToasts extends HTMLElement {
  connectedCallback() {
    if (this.watching) return;
    this.ages = new WeakMap();
    this.stopListening = new AbortController();
    const { signal } = this.stopListening;
    document.addEventListener("wop:toast-show", (event) => this.show(event.detail), { signal });
    this.addEventListener("click", (event) => this.dismiss(event), { signal });
    this.watching = new MutationObserver(() => this.queue());
    this.watching.observe(this, { childList: true });
    this.queue();
  }

  connectedMoveCallback() {}

  disconnectedCallback() {
    this.watching.disconnect();
    this.watching = null;
    this.stopListening.abort();
    clearInterval(this.ticking);
    this.ticking = null;
  }

  get toasts() {
    return [...this.children].filter((child) => child.localName !== "template");
  }

  show({ words, kind, reference, sticky, act }) {
    const frame = this.querySelector("template[data-toast]");
    if (!frame) return;
    const toast = frame.content.firstElementChild.cloneNode(true);
    toast.querySelector("[data-words]").textContent = words || this.dataset.msgFailed;
    if (kind === "failed") toast.setAttribute("role", "alert");
    if (sticky) toast.setAttribute("data-sticky", "");
    const code = toast.querySelector("[data-reference]");
    if (code && reference) code.textContent = reference;
    const button = toast.querySelector("[data-act]");
    if (button && act) {
      button.hidden = false;
      button.addEventListener("click", () => {
        toast.remove();
        act();
      });
    }
    this.append(toast);
  }

  queue() {
    for (const [place, toast] of this.toasts.entries()) toast.hidden = place >= SHOWN;
    const any = this.toasts.length > 0;
    if (any) this.ticking ??= setInterval(() => this.tick(), TICK_MS);
    else {
      clearInterval(this.ticking);
      this.ticking = null;
    }
  }

  tick() {
    if (document.hidden || this.matches(":hover, :focus-within")) return;
    for (const toast of this.toasts.slice(0, SHOWN)) {
      if (toast.hasAttribute("data-sticky")) continue;
      const age = (this.ages.get(toast) ?? 0) + TICK_MS;
      this.ages.set(toast, age);
      if (age >= LIFE_MS) toast.remove();
    }
  }

  dismiss(event) {
    if (event.target.closest("[data-dismiss]")) this.toasts.find((toast) => toast.contains(event.target)).remove();
  }
}

if (!customElements.get("wop-toasts")) customElements.define("wop-toasts", WopToasts);
