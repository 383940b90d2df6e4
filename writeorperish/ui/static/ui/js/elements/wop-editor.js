// <wop-editor data-draft="<uuid>" data-seq="0" data-base-rev="" data-node="" data-parent=""
//     data-saved-at="…" data-msg-saving="Saving…" data-msg-saved="Saved · {time}"
//     data-msg-device="Saved on this device" data-msg-failed="Can't save — Retry">
//   <form id="editor-form" method="post" action="…">   hidden inputs: draft base_rev privacy_level ai_usage
//     <input name="title"> <textarea name="text"> <output id="editor-status" role="status">
//
// Optional inside, each found by its attribute (all that says `hidden` is shown when it is due):
//   <button type="button" data-retry hidden>                       beside the status
//   <p data-note="restored" hidden> … <button type="button" data-use-saved>       words came from this device
//   <p data-note="other" hidden> … <button type="button" data-use-device>         this device has other words
//   <p data-note="forked" hidden>                                  another tab went on: this is a draft of its own
//   <p data-refusal hidden>                                        gets the server's sentence
//   <span data-word-count data-msg-one="{n} word" data-msg-other="{n} words">
//   <div data-toolbar hidden> <button type="button" data-md="bold|italic|list|quote|link|heading|undo">
//   <button type="button" data-focus-mode aria-pressed="false">    ⌘. does the same: html[data-focus-mode]
//
// States for CSS: [dirty] until the server has the words, [expanded] once it had the focus.
// A control that changes a hidden input from script must dispatch `change` on it.
import { announce } from "../lib/a11y.js";
import { keptCopies, newId } from "../lib/drafts.js";
import { continueList, format } from "../lib/markdown.js";
import { Saving } from "../lib/saving.js";

const PATIENCE_MS = 2_000;
const COUNT_MS = 1_000;

class WopEditor extends HTMLElement {
  connectedCallback() {
    if (this.saving) return;
    this.form = this.querySelector("form");
    this.area = this.form.elements.text;
    this.titleField = this.form.elements.title;
    // A browser that puts back an old page's text would pass it off as typed.
    this.form.autocomplete = "off";
    this.fresh(this.form.elements.draft?.value || this.dataset.draft, Number(this.dataset.seq) || 0);
    this.listen();
    this.count();
    // Somebody already in the field: growing only at their click on a button would move it from under them.
    if (this.matches(":focus-within")) this.toggleAttribute("expanded", true);
    // What was typed before this module arrived has fired its events at nobody.
    if (this.area.value !== this.area.defaultValue) this.typed();
    this.recover();
  }

  connectedMoveCallback() {}

  disconnectedCallback() {
    this.stopListening.abort();
    clearTimeout(this.counting);
    this.saving.end();
    this.saving = null;
  }

  fresh(draft, seq) {
    this.saving = new Saving({
      draft,
      seq,
      scope: this.scope(),
      saved: this.printed(),
      read: () => this.body(),
      show: (state, words) => this.show(state, words),
      forked: () => {
        this.nameDraft(this.saving.draft);
        this.note("forked");
      },
    });
    this.submitting = false;
  }

  listen() {
    this.stopListening = new AbortController();
    const { signal } = this.stopListening;
    const on = (target, name, act, more = {}) =>
      target.addEventListener(name, act, { signal, ...more });
    on(this.form, "input", () => this.typed());
    on(this.form, "change", () => this.typed());
    on(this.form, "submit", (event) => this.submit(event), { capture: true });
    on(this.form, "htmx:after:request", (event) => this.answered(event.detail.ctx));
    on(this.form, "htmx:finally:request", (event) => this.over(event.detail.ctx));
    on(this.form, "htmx:error", (event) => this.unreachable(event));
    on(this.area, "keydown", (event) => this.key(event));
    on(this.area, "select", () => this.showToolbar());
    on(this, "click", (event) => this.click(event));
    on(this, "focusin", () => this.toggleAttribute("expanded", true));
    on(document, "visibilitychange", () => document.hidden && this.saving.flush());
    on(window, "pagehide", () => this.saving.flush());
    on(window, "pageshow", (event) => event.persisted && this.resume());
    on(window, "online", () => this.saving.reconnected());
    on(document, "wop:signed-in", () => this.welcome());
    on(document, "wop:outbox-sent", (event) => this.saving.heard(event.detail));
  }

  typed() {
    this.toggleAttribute("dirty", true);
    this.saving.typed();
    this.counting ??= setTimeout(() => this.count(), COUNT_MS);
  }

  // What the contract's PUT takes; a field the form does not have is not sent, so never re-defaulted.
  body() {
    const { node, parent, baseRev } = this.dataset;
    const body = { text: this.area.value };
    if (this.titleField) body.title = this.titleField.value;
    if (node) body.edits = node;
    if (parent) body.parent = parent;
    const base = this.form.elements.base_rev?.value || baseRev;
    if (base) body.base_rev = Number(base);
    for (const name of ["privacy_level", "ai_usage"]) {
      const value = this.form.elements[name]?.value;
      if (value) body[name] = value;
    }
    return body;
  }

  printed() {
    return { title: this.titleField?.defaultValue, text: this.area.defaultValue };
  }

  // Where this tab notes which draft it writes here: an id, no words.
  get place() {
    return `wop-writing ${this.scope()}`;
  }

  scope() {
    if (this.dataset.node) return `node:${this.dataset.node}`;
    return this.dataset.parent ? `parent:${this.dataset.parent}` : "new";
  }

  show(state, refusal = "") {
    this.toggleAttribute("dirty", this.saving?.dirty ?? false);
    if (state === "saved" && this.saving) sessionStorage.setItem(this.place, this.saving.draft);
    const status = this.querySelector("output, [role=status]");
    const message = this.dataset[`msg${state[0].toUpperCase()}${state.slice(1)}`] ?? "";
    const time = new Date().toLocaleTimeString(document.documentElement.lang || undefined, {
      hour: "2-digit",
      minute: "2-digit",
    });
    if (status) status.textContent = message.replace("{time}", time);
    this.reveal("[data-retry]", state === "failed");
    const sentence = this.reveal("[data-refusal]", refusal !== "");
    if (sentence) sentence.textContent = refusal;
    this.dispatchEvent(new CustomEvent(`wop:editor-${state}`, { bubbles: true }));
  }

  note(kind) {
    for (const note of this.querySelectorAll("[data-note]")) note.hidden = note.dataset.note !== kind;
    announce(this.querySelector(`[data-note="${kind}"]`)?.firstChild?.textContent.trim());
  }

  reveal(selector, shown) {
    const part = this.querySelector(selector);
    part?.toggleAttribute("hidden", !shown);
    return part;
  }

  async recover() {
    const { draft, seq } = this.saving;
    const base = Number(this.dataset.baseRev) || 0;
    const page = { draft, seq, base, scope: this.scope(), ...this.printed() };
    const writing = sessionStorage.getItem(this.place);
    const copies = await keptCopies().catch((error) => {
      console.warn("Nothing can be read from this device", error.name);
      return [];
    });
    if (!writing && !copies.length) return;
    const { recover, resume } = await import("../lib/recovery.js");
    const found = await recover(copies, page);
    if (!found) return this.goOn(await resume(writing, page));
    if (!this.saving) return;
    this.held = found.copy;
    if (found.kind === "restore" && !this.saving.dirty) this.useDevice("restored");
    else this.note("other");
  }

  goOn(draft) {
    if (!draft || !this.saving || this.saving.dirty) return;
    this.fill(draft);
    Object.assign(this.saving, { draft: draft.id, seq: draft.seq, acked: draft.seq, saved: draft });
    this.nameDraft(draft.id);
    this.count();
  }

  // Words of this device. Where the server went on without them, they become a draft of their own,
  // on the revision they were written on, so that saving merges the two or shows both.
  useDevice(note) {
    const { body } = this.held;
    this.fill(body);
    if (note === "restored") this.saving.adopt(this.held);
    else {
      if (body.base_rev) this.rebase(body.base_rev);
      this.saving.adopt({ ...this.held, draft: newId(), acked: 0 });
    }
    this.toggleAttribute("dirty", true);
    this.nameDraft(this.saving.draft);
    this.note(note);
    this.show("device");
    this.count();
  }

  useSaved() {
    this.fill(this.printed());
    this.rebase(this.dataset.baseRev);
    this.typed();
    this.note("");
    this.area.focus();
  }

  rebase(rev) {
    if (this.form.elements.base_rev) this.form.elements.base_rev.value = rev ?? "";
  }

  fill({ title, text }) {
    if (this.titleField) this.titleField.value = title ?? "";
    this.area.value = text;
  }

  nameDraft(draft) {
    this.dataset.draft = draft;
    if (this.form.elements.draft) this.form.elements.draft.value = draft;
  }

  async submit(event) {
    if (event.submitter?.hasAttribute("formaction")) return;
    const hold = () => {
      event.preventDefault();
      event.stopImmediatePropagation();
    };
    if (this.cleared) return this.leave();
    if (this.submitting) return hold();
    this.submitting = true;
    if (navigator.onLine && !this.saving.dirty) return this.leave();
    // The last words go ahead as a draft: so the server is there, and nothing arrives after its entry.
    hold();
    const patience = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS, 200));
    const status = navigator.onLine ? await Promise.race([this.saving.saveNow(), patience]) : 0;
    if (status === 0) return this.later();
    if (status === 401) this.wanted = event.submitter;
    if (status === 401 || status === 429 || status >= 500) return this.stay(status);
    this.cleared = true;
    this.form.requestSubmit(event.submitter);
  }

  leave() {
    this.cleared = false;
    sessionStorage.removeItem(this.place);
    this.saving.pause();
  }

  stay(status) {
    this.submitting = false;
    const detail = { kind: "failed" };
    if (status !== 401) this.dispatchEvent(new CustomEvent("wop:toast-show", { bubbles: true, detail }));
  }

  async welcome() {
    await this.saving.reconnected();
    if (this.wanted === undefined) return;
    this.form.requestSubmit(this.wanted);
    this.wanted = undefined;
  }

  answered({ sourceElement, response }) {
    if (sourceElement !== this.form) return;
    if (response.status < 300) this.finished = this.saving.finish();
    // The id is an entry already, written by another tab: the next press saves this text as its own.
    else if (response.status === 409 && !this.dataset.node) this.saving.fork();
  }

  async over({ sourceElement, keepIndicators }) {
    if (sourceElement !== this.form || keepIndicators) return;
    if (!this.finished) return this.resume();
    this.finished = null;
    if (this.saving && !this.dataset.node) this.next();
    else this.resume();
  }

  resume() {
    this.submitting = false;
    this.saving?.resume();
  }

  unreachable(event) {
    if (event.detail.ctx?.sourceElement !== this.form || event.detail.ctx.response) return;
    event.preventDefault();
    this.later();
  }

  // No server: the entry itself waits on this device, and the page is free for the next one.
  async later() {
    this.submitting = this.area.value.trim() !== "";
    if (!this.submitting) return this.area.focus();
    if (!(await this.saving.promoteLater(this.dataset.node))) {
      this.show("failed");
      return this.resume();
    }
    if (this.dataset.node) this.submitting = false;
    else this.next();
    this.show("device");
  }

  next() {
    this.saving.paused = true;
    this.saving.end();
    this.fill({ title: "", text: "" });
    this.area.defaultValue = "";
    if (this.titleField) this.titleField.defaultValue = "";
    this.fresh(newId(), 0);
    this.nameDraft(this.saving.draft);
    // The first entry's key would answer the second with the first.
    if (this.form.elements.once) this.form.elements.once.value = newId();
    this.toggleAttribute("dirty", false);
    this.count();
  }

  key(event) {
    if (event.isComposing) return;
    const command = event.metaKey || event.ctrlKey;
    const plain = !command && !event.altKey && !event.shiftKey;
    if (event.key === "Enter" && plain && continueList(this.area)) event.preventDefault();
    const style = command && !event.shiftKey ? { b: "bold", i: "italic" }[event.key] : undefined;
    if (style) {
      event.preventDefault();
      format(this.area, style);
    }
    if (command && event.key === "/") {
      event.preventDefault();
      this.reveal("[data-toolbar]", true)?.querySelector("button")?.focus();
    }
    if (command && event.key === ".") {
      event.preventDefault();
      this.focusMode();
    }
  }

  click(event) {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.md) format(this.area, button.dataset.md);
    if (button.hasAttribute("data-retry")) this.saving.save();
    if (button.hasAttribute("data-use-saved")) this.useSaved();
    if (button.hasAttribute("data-use-device")) this.useDevice("");
    if (button.hasAttribute("data-focus-mode")) this.focusMode();
  }

  focusMode() {
    const on = document.documentElement.toggleAttribute("data-focus-mode");
    this.querySelector("[data-focus-mode]")?.setAttribute("aria-pressed", String(on));
  }

  showToolbar() {
    if (this.area.selectionStart !== this.area.selectionEnd) this.reveal("[data-toolbar]", true);
  }

  count() {
    clearTimeout(this.counting);
    this.counting = undefined;
    const counter = this.querySelector("[data-word-count]");
    if (!counter) return;
    const n = this.area.value.match(/\S+/gu)?.length ?? 0;
    const lang = document.documentElement.lang || undefined;
    const form = new Intl.PluralRules(lang).select(n);
    const key = `msg${form[0].toUpperCase()}${form.slice(1)}`;
    const message = counter.dataset[key] ?? counter.dataset.msgOther ?? "{n}";
    counter.textContent = message.replace("{n}", n.toLocaleString(lang));
  }
}

if (!customElements.get("wop-editor")) customElements.define("wop-editor", WopEditor);
