// <wop-upload data-api data-page data-msg-sending data-msg-waiting data-msg-failed> around the form that
// sends a sound file: it goes in parts of 8 MB, each tried again until it gets through, and a file that is
// chosen once more after a break goes on where it was. [data-progress] and [data-state] show how far it is.
import { newId } from "../lib/drafts.js";
import { api, mayPass, send } from "../lib/net.js";

const PART_BYTES = 8 * 1024 * 1024;
const LONGEST_WAIT_MS = 60_000;

class WopUpload extends HTMLElement {
  connectedCallback() {
    if (this.stopListening) return;
    this.form = this.querySelector("form");
    this.stopListening = new AbortController();
    const { signal } = this.stopListening;
    this.form.addEventListener("submit", (event) => this.submit(event), { signal });
    window.addEventListener("beforeunload", (event) => this.busy && event.preventDefault(), { signal });
  }

  connectedMoveCallback() {}

  disconnectedCallback() {
    this.stopListening?.abort();
    this.stopListening = null;
  }

  // Without a file the server says what is missing.
  async submit(event) {
    const file = this.form.elements.file.files[0];
    if (!file) return;
    event.preventDefault();
    if (this.busy) return;
    this.busy = true;
    try {
      await this.sendFile(file);
    } finally {
      this.busy = false;
    }
  }

  async sendFile(file) {
    const known = `wop-file-${file.size}-${file.lastModified}`;
    const id = sessionStorage.getItem(known) ?? newId();
    sessionStorage.setItem(known, id);
    const written = this.form.elements.written_down?.checked;
    const begun = await this.through(() => api("POST", this.dataset.api, { id, ai_usage: written ? "chat" : "none" }));
    if (!begun) {
      sessionStorage.removeItem(known);
      return;
    }
    const here = new Set(begun.data.segments[0]?.have);
    const parts = Math.ceil(file.size / PART_BYTES);
    for (let n = 0; n < parts; n += 1) {
      this.show(n, parts);
      if (here.has(n)) continue;
      const part = file.slice(n * PART_BYTES, (n + 1) * PART_BYTES);
      const url = `${this.dataset.api}${id}/segments/0/chunks/${n}/`;
      const headers = { "Content-Type": file.type || "application/octet-stream" };
      if (!(await this.through(() => send("PUT", url, part, headers)))) return;
    }
    this.show(parts, parts);
    const segments = [{ index: 0, chunks: parts, duration_ms: 0 }];
    if (!(await this.through(() => api("POST", `${this.dataset.api}${id}/finish/`, { segments })))) return;
    sessionStorage.removeItem(known);
    this.busy = false;
    location.assign(`${this.dataset.page}${id}/`);
  }

  // The answer once there is a good one; null when trying again would change nothing, which is said.
  async through(ask) {
    for (let wait = 1_000; ; wait = Math.min(LONGEST_WAIT_MS, wait * 2)) {
      const answer = await ask();
      if (answer.ok) return answer;
      if (!mayPass(answer.status)) {
        this.say(answer.data?.detail ?? this.dataset.msgFailed);
        this.querySelector("[data-progress]").hidden = true;
        return null;
      }
      this.say(this.dataset.msgWaiting);
      await new Promise((resolve) => {
        setTimeout(resolve, Math.max(wait, answer.wait * 1_000));
        window.addEventListener("online", resolve, { once: true });
      });
    }
  }

  show(done, all) {
    const progress = this.querySelector("[data-progress]");
    progress.hidden = false;
    progress.max = all;
    progress.value = done;
    this.say(this.dataset.msgSending);
  }

  say(words) {
    const state = this.querySelector("[data-state]");
    if (state.textContent !== words) state.textContent = words;
  }
}

if (!customElements.get("wop-upload")) customElements.define("wop-upload", WopUpload);
