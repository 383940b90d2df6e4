// <wop-player> around an <audio controls>: [data-keys] with [data-skip="-15"] and [data-speed] appear
// where there are scripts; one player plays at a time, and with data-row the next one follows. [data-dead]
// says that its sound did not come.
const SPEEDS = [1, 1.25, 1.5, 2, 0.75];

class WopPlayer extends HTMLElement {
  connectedCallback() {
    if (this.stopListening) return;
    this.audio = this.querySelector("audio");
    this.keys = this.querySelector("[data-keys]");
    this.stopListening = new AbortController();
    const { signal } = this.stopListening;
    this.addEventListener("click", (event) => this.click(event), { signal });
    this.audio.addEventListener("play", () => this.alone(), { signal });
    this.audio.addEventListener("ended", () => this.next(), { signal });
    this.audio.addEventListener("error", () => this.say(true), { signal });
    this.audio.addEventListener("loadedmetadata", () => this.say(false), { signal });
    if (this.keys) this.keys.hidden = false;
    // It may have failed before this element stood.
    this.say(this.audio.error !== null);
  }

  connectedMoveCallback() {}

  disconnectedCallback() {
    this.stopListening?.abort();
    this.stopListening = null;
  }

  click({ target }) {
    const skip = target.closest("[data-skip]");
    if (skip) this.audio.currentTime = Math.max(0, this.audio.currentTime + Number(skip.dataset.skip));
    const speed = target.closest("[data-speed]");
    if (!speed) return;
    const next = SPEEDS[(SPEEDS.indexOf(this.audio.playbackRate) + 1) % SPEEDS.length];
    this.audio.playbackRate = next;
    speed.textContent = `${next}×`;
  }

  say(dead) {
    const words = this.querySelector("[data-dead]");
    if (words) words.hidden = !dead;
  }

  next() {
    if (!this.hasAttribute("data-row")) return;
    const row = [...document.querySelectorAll("wop-player[data-row]")];
    row[row.indexOf(this) + 1]?.audio.play();
  }

  alone() {
    for (const other of document.querySelectorAll("wop-player audio")) {
      if (other !== this.audio) other.pause();
    }
  }
}

if (!customElements.get("wop-player")) customElements.define("wop-player", WopPlayer);
