// <wop-reply src="/live/jobs/<id>/"> around a reply that is being written: [data-words] grows as the words
// come, and [data-status] says when something is looked up or read for it. When the writing ends, "wop:reply-ended" asks the reply around it to show itself anew.
import { announce } from "../lib/a11y.js";

const ASK_AFTER_MS = 2_000;

class WopReply extends HTMLElement {
  connectedCallback() {
    if (this.source || !this.getAttribute("src")) return;
    this.words = this.querySelector("[data-words]");
    this.stopListening = new AbortController();
    this.source = new EventSource(this.getAttribute("src"));
    this.hear("snapshot", ({ text }) => this.words.replaceChildren(text));
    this.hear("status", ({ status }) => this.tell(status));
    this.hear("restart", () => this.words.replaceChildren());
    this.hear("delta", ({ text }) => {
      this.words.append(text);
      this.tell("waiting");
    });
    this.hear("done", () => this.end());
    this.hear("error", () => this.end());
    this.losses = 0;
    const lost = (event) => event.data === undefined && this.lost();
    this.source.addEventListener("error", lost, { signal: this.stopListening.signal });
    announce(this.dataset.begun ?? "");
  }

  connectedMoveCallback() {}

  disconnectedCallback() {
    this.stopListening?.abort();
    this.source?.close();
    this.source = null;
    clearTimeout(this.asking);
  }

  // A lost connection is an "error" without data: the browser comes back by itself, after the last event it had.
  hear(kind, act) {
    const { signal } = this.stopListening;
    const heard = (event) => {
      if (event.data === undefined) return;
      this.losses = 0;
      act(JSON.parse(event.data));
    };
    this.source.addEventListener(kind, heard, { signal });
  }

  // Where it cannot come back, the page is asked for the reply as it stands, and that begins anew with the rest.
  lost() {
    this.losses += 1;
    if (this.source.readyState !== EventSource.CLOSED && this.losses < 2) return;
    this.source.close();
    this.asking = setTimeout(() => this.showAnew(), ASK_AFTER_MS);
  }

  tell(status) {
    const shown = this.querySelector("[data-status]");
    const told = { looking: this.dataset.msgLooking, reading: this.dataset.msgReading };
    const words = told[status] ?? this.dataset.begun;
    if (shown && words && shown.textContent !== words) shown.textContent = words;
  }

  end() {
    this.source.close();
    announce(this.dataset.ended ?? "");
    this.showAnew();
  }

  showAnew() {
    this.dispatchEvent(new CustomEvent("wop:reply-ended", { bubbles: true }));
  }
}

if (!customElements.get("wop-reply")) customElements.define("wop-reply", WopReply);
