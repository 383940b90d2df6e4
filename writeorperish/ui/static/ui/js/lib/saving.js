// One editor's words on their way: to this device every 400 ms, to the server after a pause.
import { dropCopy, keepCopy, newId } from "./drafts.js";
import { api, mayPass } from "./net.js";
import { queue, replay, settle } from "./outbox.js";

const DRAFTS = "/api/v1/journal/drafts/";
const NODES = "/api/v1/journal/nodes/";
const DEVICE_MS = 400;
const IDLE_MS = 1_500;
const LONG_MS = 10_000;
const CALM_MS = 300; // a save faster than this is not worth a word
const KEEPALIVE_BYTES = 60_000; // browsers refuse more than 64 KiB in flight at unload
const LONGEST_WAIT_S = 60;

/** Whether two titles or texts are the same words, as the server would store them. */
export function sameWords(a, b) {
  // A form without a title says nothing of one.
  const titles = [a.title ?? b.title ?? "", b.title ?? a.title ?? ""];
  const [one, other] = titles.map((title) => title.trim().normalize());
  return one === other && a.text.normalize() === b.text.normalize();
}

/** The draft as the server has it: an answer of api() whose data holds {title, text, seq}. */
export function fetchDraft(draft) {
  return api("GET", `${DRAFTS}${draft}/`);
}

/** The entry as the server has it, likewise. */
export function fetchNode(node) {
  return api("GET", `${NODES}${node}/`);
}

export class Saving {
  /**
   * draft, seq: as the page has them. scope: "new", "parent:<id>" or "node:<id>". read(): the save's
   * body without its seq. saved: {title, text} the server has. show(state, words): "saving", "saved",
   * "device" or "failed". forked(): the draft's id has changed.
   */
  constructor({ draft, seq, scope, saved, read, show, forked }) {
    Object.assign(this, { draft, seq, scope, saved, read, show, forked });
    this.copy = newId();
    this.acked = seq;
    this.dirty = false;
    this.paused = false;
    this.sending = null;
    this.due = false;
    this.strayed = false;
    this.ended = false;
    this.failures = 0;
    this.timers = {};
    this.hold();
  }

  get url() {
    return `${DRAFTS}${this.draft}/`;
  }

  /** Something was typed: it will be on the device in 400 ms and on the server after a pause. */
  typed() {
    this.seq += 1;
    this.dirty = true;
    if (this.paused || this.ended) return;
    this.timers.device ??= setTimeout(() => this.keep(), DEVICE_MS);
    clearTimeout(this.timers.idle);
    this.timers.idle = setTimeout(() => this.save(), IDLE_MS);
    this.timers.long ??= setTimeout(() => this.save(), LONG_MS);
  }

  /** True when the words are on this device. */
  async keep({ sent = false } = {}) {
    this.stop("device");
    const { copy, draft, scope, seq, acked, url } = this;
    const row = { id: copy, draft, scope, at: Date.now(), seq, acked, url, body: this.body(), sent };
    try {
      await keepCopy(row);
      return true;
    } catch (error) {
      console.warn("Nothing can be kept on this device", error.name);
      return false;
    }
  }

  /** The words are on their way to the server, unless they are there or a save is under way. */
  async save() {
    this.stop("idle", "long", "retry");
    if (!this.dirty || this.paused) return;
    this.due = this.sending !== null;
    if (this.due) return;
    this.sending = this.send();
    await this.sending;
    this.sending = null;
    // Keys typed while a save was under way came due before it ended.
    if (this.due) await this.save();
  }

  /** The last words leave with the page: to the device and, if they are few, to the server. */
  flush() {
    if (!this.dirty || this.paused) return;
    this.keep();
    this.stop("idle", "long");
    this.send({ leaving: true });
  }

  /** Nothing is written until resume(): the form itself is being sent. */
  async pause() {
    this.paused = true;
    this.stop("device", "idle", "long", "retry");
    if (this.dirty) await this.keep({ sent: true });
  }

  resume() {
    this.paused = false;
    if (this.dirty) this.typed();
  }

  /** The server has it all as an entry: nothing of it stays on the device. */
  async finish() {
    this.paused = true;
    this.dirty = false;
    this.stop("device", "idle", "long", "retry");
    await Promise.all([dropCopy(this.copy), settle(this.copy)]).catch((error) => {
      console.warn("The copy on this device could not be removed", error.name);
    });
  }

  /** True when the entry itself waits in the outbox, to be sent when the server can be reached. */
  async promoteLater(node) {
    await this.pause();
    await this.keep({ sent: true });
    const { seq: _seq, edits: _edits, base_rev: rev, ...words } = this.body();
    const request = node
      ? {
          method: "PATCH",
          url: `${NODES}${node}/`,
          body: { title: words.title, text: words.text },
          headers: { "If-Match": `"${rev}"`, "Idempotency-Key": newId() },
        }
      : { method: "POST", url: NODES, body: { id: this.draft, ...words } };
    return this.enqueue(request);
  }

  /** The words leave the draft they were written in: another tab or device went on with it. */
  fork() {
    if (this.ended) return;
    this.draft = newId();
    this.acked = 0;
    this.forked();
    this.typed();
    settle(this.copy).catch((error) => console.warn("The outbox cannot be read", error.name));
  }

  /** Goes on with a copy this device had kept of an editor that is gone. */
  adopt(copy) {
    this.draft = copy.draft;
    this.acked = copy.acked;
    this.seq = Math.max(this.seq, copy.seq);
    this.typed();
    this.keep().then((kept) => kept && dropCopy(copy.id));
  }

  /** A save that waited in the outbox got through without us. */
  async heard({ copy, body, data }) {
    if (copy !== this.copy || this.paused || body.seq === undefined) return;
    await this.take({ status: 200, ok: true, data, wait: 0 }, body);
  }

  /** The line is clear again: first what waits, in its order, then what was typed since. */
  async reconnected() {
    this.failures = 0;
    await replay().catch((error) => console.warn("The outbox cannot be read", error.name));
    await this.save();
  }

  /** The editor is gone from the page. */
  end() {
    this.flush();
    this.ended = true;
    this.stop("device", "idle", "long", "retry");
    this.release?.();
  }

  body() {
    return { ...this.read(), seq: this.seq };
  }

  async send({ leaving = false } = {}) {
    const body = this.body();
    const calm = setTimeout(() => this.show("saving"), CALM_MS);
    const small = new Blob([JSON.stringify(body)]).size <= KEEPALIVE_BYTES;
    const answer = await api("PUT", this.url, body, { keepalive: leaving && small });
    clearTimeout(calm);
    if (!this.paused) await this.take(answer, body);
  }

  async take(answer, body) {
    if (answer.ok && answer.data?.stale) return this.reconcile(answer.data.seq, body);
    if (answer.ok) return this.acknowledged(body.seq, body);
    if ([404, 409, 410].includes(answer.status) && !this.strayed) {
      // Saved as an entry or discarded somewhere else, so the id is no longer this draft's.
      this.strayed = true;
      return this.fork();
    }
    if (!mayPass(answer.status)) return this.show("failed", answer.data?.detail ?? "");
    const kept = await this.enqueue({ method: "PUT", url: this.url, body });
    if (kept) this.show("device");
    else this.show("failed");
    // Asking again before anybody has signed in would only ask the person again.
    if (answer.status !== 401) this.retryIn(answer.wait || 2 ** ++this.failures);
  }

  async acknowledged(seq, words) {
    this.failures = 0;
    this.strayed = false;
    this.acked = Math.max(this.acked, seq);
    this.saved = words;
    if (this.seq > seq) return;
    this.dirty = false;
    this.stop("device", "retry");
    this.show("saved");
    await Promise.all([dropCopy(this.copy, seq), settle(this.copy)]).catch((error) => {
      console.warn("The copy on this device could not be removed", error.name);
    });
  }

  // The server has a later save of this draft: our own that we did not hear about, the same words
  // again, or another tab's. Only the last is somebody else's writing, and is left alone.
  async reconcile(seq, body) {
    const { ok, status, data } = await fetchDraft(this.draft);
    if (status === 404) return this.fork();
    if (!ok) return this.retryIn(2 ** ++this.failures);
    if (sameWords(data, body)) {
      this.seq = this.seq === body.seq ? seq : Math.max(this.seq, seq) + 1;
      return this.acknowledged(seq, body);
    }
    if (!sameWords(data, this.saved)) return this.fork();
    this.seq = Math.max(this.seq, seq);
    return this.typed();
  }

  async enqueue(request) {
    try {
      await queue({ copy: this.copy, ...request });
      return true;
    } catch (error) {
      console.warn("Nothing can be kept on this device", error.name);
      return false;
    }
  }

  retryIn(seconds) {
    this.stop("retry");
    if (this.ended) return;
    this.timers.retry = setTimeout(() => this.save(), Math.min(seconds, LONGEST_WAIT_S) * 1_000);
  }

  // Held while this editor lives: a copy nobody holds was left by a tab that is gone.
  hold() {
    navigator.locks?.request(`wop-copy-${this.copy}`, () => {
      return new Promise((resolve) => {
        this.release = resolve;
        if (this.ended) resolve();
      });
    });
  }

  stop(...names) {
    for (const name of names) {
      clearTimeout(this.timers[name]);
      delete this.timers[name];
    }
  }
}
