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
const KEEPALIVE_BYTES = 60_000; // browsers refuse more than 64 KiB at unload
const LONGEST_WAIT_S = 60;
const EVERY = ["device", "idle", "long", "retry"];

/** Whether two titles or texts are the same words, as the server would store them. */
export function sameWords(a, b) {
  // A form without a title says nothing of one.
  const titles = [a.title ?? b.title ?? "", b.title ?? a.title ?? ""];
  const [one, other] = titles.map((title) => title.trim().normalize());
  return one === other && a.text.normalize() === b.text.normalize();
}

/** The draft, or the entry, as the server has it: an answer of api(). */
export const fetchDraft = (draft) => api("GET", `${DRAFTS}${draft}/`);
export const fetchNode = (node) => api("GET", `${NODES}${node}/`);

export class Saving {
  copy = newId();
  dirty = false; // the server does not have it all
  paused = false; // the form itself is being sent
  ended = false;
  sending = null;
  due = false; // a save came due while one was under way
  strayed = false; // the draft's id was changed and not yet acknowledged
  queued = false;
  status = 200;
  failures = 0;
  timers = {};

  /**
   * draft, seq, saved {title, text}: what the server has. scope: "new", "parent:<id>", "node:<id>".
   * read(): the save's body but its seq. show(state, words): "saving", "saved", "device", "failed".
   * forked(): the draft's id has changed.
   */
  constructor(page) {
    Object.assign(this, page);
    this.acked = this.seq;
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
    return onDevice(() => keepCopy(row));
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
    if (this.due) await this.save();
  }

  /** The status of the last answer, once what was typed has been sent: 200 when the server has it. */
  async saveNow() {
    await this.sending;
    await this.save();
    return this.dirty ? this.status : 200;
  }

  /** The last words leave with the page: to the device and, if they are few, to the server. */
  flush() {
    if (!this.dirty || this.paused) return;
    this.keep();
    this.stop("idle", "long");
    this.send({ leaving: true });
  }

  /** Nothing is written until resume(). */
  async pause() {
    this.paused = true;
    this.stop(...EVERY);
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
    this.stop(...EVERY);
    await this.forget();
  }

  /** True when the entry itself waits in the outbox, to be sent when the server can be reached. */
  async promoteLater(node) {
    this.dirty = true;
    await this.pause();
    const { edits: _edits, base_rev: rev, ...words } = this.read();
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

  /** The words get a draft of their own: another tab or device went on with the one they were in. */
  fork() {
    if (this.ended) return;
    this.draft = newId();
    this.acked = 0;
    this.forked();
    this.typed();
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
    await onDevice(replay);
    await this.save();
  }

  /** The editor is gone from the page. */
  end() {
    this.flush();
    this.ended = true;
    this.stop(...EVERY);
    this.release();
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
    this.status = answer.status;
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
    this.show(kept ? "device" : "failed");
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
    await this.forget(seq);
  }

  async forget(upTo) {
    await onDevice(() => dropCopy(this.copy, upTo));
    if (this.queued) await onDevice(() => settle(this.copy));
    this.queued = false;
  }

  // The server has a later save of this draft: our own we did not hear of, the same words, or another
  // tab's, which is left alone.
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

  enqueue(request) {
    this.queued = true;
    return onDevice(() => queue({ copy: this.copy, ...request }));
  }

  retryIn(seconds) {
    this.stop("retry");
    if (this.ended) return;
    this.timers.retry = setTimeout(() => this.save(), Math.min(seconds, LONGEST_WAIT_S) * 1_000);
  }

  // Held while this editor lives: a copy nobody holds was left by a tab that is gone.
  hold() {
    const held = new Promise((resolve) => {
      this.release = resolve;
    });
    navigator.locks?.request(`wop-copy-${this.copy}`, () => held);
  }

  stop(...names) {
    for (const name of names) {
      clearTimeout(this.timers[name]);
      delete this.timers[name];
    }
  }
}

// True when it could be done. A private window, a full disk or plain HTTP may leave the server alone.
async function onDevice(act) {
  try {
    await act();
    return true;
  } catch (error) {
    console.warn("Nothing can be kept on this device", error.name);
    return false;
  }
}
