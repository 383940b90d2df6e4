// <wop-speaker data-msg-none>: reads its [data-words] one after the other with a voice of this device that
// works without the internet, so that nothing leaves it. [data-speak] begins, [data-hush] ends.
class WopSpeaker extends HTMLElement {
  connectedCallback() {
    if (this.stopListening) return;
    this.stopListening = new AbortController();
    const { signal } = this.stopListening;
    this.addEventListener("click", (event) => this.click(event), { signal });
    window.addEventListener("pagehide", () => this.hush(), { signal });
    // Voices come late in some browsers.
    window.speechSynthesis?.addEventListener("voiceschanged", () => this.look(), { signal });
    this.look();
  }

  connectedMoveCallback() {}

  disconnectedCallback() {
    this.stopListening?.abort();
    this.stopListening = null;
    this.hush();
  }

  // A voice of the page's language first.
  get voice() {
    const own = (window.speechSynthesis?.getVoices() ?? []).filter(({ localService }) => localService);
    const lang = document.documentElement.lang.slice(0, 2);
    return own.find((voice) => voice.lang.startsWith(lang)) ?? own[0];
  }

  look() {
    const { voice } = this;
    this.querySelector("[data-speak]").hidden = !voice;
    this.querySelector("[data-state]").textContent = voice ? "" : this.dataset.msgNone;
  }

  click({ target }) {
    if (target.closest("[data-speak]")) this.speak();
    if (target.closest("[data-hush]")) this.hush();
  }

  speak() {
    this.hush();
    this.querySelector("[data-hush]").hidden = false;
    for (const part of this.querySelectorAll("[data-words]")) {
      const said = new SpeechSynthesisUtterance(part.textContent);
      said.voice = this.voice;
      said.onstart = () => this.mark(part);
      said.onend = () => part.nextElementSibling || this.mark(null);
      window.speechSynthesis.speak(said);
    }
  }

  mark(part) {
    for (const other of this.querySelectorAll("[aria-current]")) other.removeAttribute("aria-current");
    part?.setAttribute("aria-current", "true");
    if (!part) this.querySelector("[data-hush]").hidden = true;
  }

  hush() {
    window.speechSynthesis?.cancel();
    this.mark(null);
  }
}

if (!customElements.get("wop-speaker")) customElements.define("wop-speaker", WopSpeaker);
