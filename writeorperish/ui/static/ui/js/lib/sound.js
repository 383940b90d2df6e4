// Recordings kept on this device until the server has all of them, and their way there: one piece at a
// time, in order, tried again until it gets through. A row of "recordings" is what the server must be
// told: {id, draft, parent, usage, segments: [{index, chunks, duration_ms}], begun, over}; a row of
// "chunks" one piece of sound, sealed like everything else here.
import { change, read, seal, unseal } from "./drafts.js";
import { api, mayPass, send } from "./net.js";

const LONGEST_WAIT_MS = 60_000;
const DYING_MS = 1_000;

/** The recording as it stands is on this device. */
export async function keepRecording(recording) {
  const row = { id: recording.id, ...(await seal("recordings", recording.id, recording)) };
  await change("recordings", (store) => store.put(row));
}

/** The piece is on this device: {recording, segment, n, type, bytes}. */
export async function keepChunk({ recording, segment, n, type, bytes }) {
  const id = chunkId(recording, segment, n);
  const sealed = await seal("chunks", id, { segment, n, type, data: toText(bytes) });
  await change("chunks", (store) => store.put({ id, recording, ...sealed }));
}

/** The recordings this device still holds that no open page is busy with, oldest first. */
export async function cutOff() {
  const rows = await read("recordings", (store) => store.getAll());
  const kept = (await Promise.all(rows.map((row) => unseal("recordings", row)))).filter(Boolean);
  const free = await Promise.all(kept.map(({ id }) => ownerless(id)));
  return kept.filter((_recording, place) => free[place]).sort((a, b) => a.at - b.at);
}

/** Nothing of the recording is left on this device. */
export async function dropRecording(id) {
  const keys = await read("chunks", (store) => store.getAllKeys(range(id)));
  await change("chunks", (store) => keys.forEach((key) => store.delete(key)));
  await change("recordings", (store) => store.delete(id));
}

/** `work` while this page is the one that is busy with the recording. */
export function busyWith(id, work) {
  return navigator.locks.request(lockOf(id), work);
}

/**
 * Sends what this device holds of one recording, while it grows and after. `api` is where recordings
 * live. `onstate` hears "sending", "waiting" (no way through now) and "refused" {status, data}.
 */
export class Sender {
  constructor(api, recording, { onstate, signal }) {
    Object.assign(this, { api, recording, onstate, signal });
    this.here = new Set();
    this.wait = 0;
    this.kicked = () => {};
    window.addEventListener("online", () => this.kick(), { signal });
    document.addEventListener("wop:signed-in", () => this.kick(), { signal });
  }

  /** There is something new to send, or it may work now. */
  kick() {
    this.wait = 0;
    this.kicked();
  }

  /** True once everything kept has been taken by the server; false when it refused a piece for good. */
  async all() {
    this.running ??= this.run().finally(() => {
      this.running = null;
    });
    return this.running;
  }

  async run() {
    if (!(await this.through(() => this.begin()))) return false;
    for (;;) {
      const next = await this.next();
      if (!next) return true;
      if (!(await this.through(() => this.put(next)))) return false;
      this.here.add(next.id);
    }
  }

  async next() {
    const keys = await read("chunks", (store) => store.getAllKeys(range(this.recording.id)));
    const id = keys.find((key) => !this.here.has(key));
    return id && { id, row: await read("chunks", (store) => store.get(id)) };
  }

  async begin() {
    if (this.begun) return { ok: true };
    const { id, draft, parent, usage } = this.recording;
    const body = { id, ...(usage && { ai_usage: usage }), ...(draft && { draft }), ...(parent && { parent }) };
    const answer = await api("POST", this.api, body);
    this.begun = answer.ok;
    return answer;
  }

  async put({ id, row }) {
    const chunk = row && (await unseal("chunks", row));
    if (!chunk) return { ok: true };
    const bytes = fromText(chunk.data);
    const digest = await crypto.subtle.digest("SHA-256", bytes);
    const url = `${this.api}${this.recording.id}/segments/${chunk.segment}/chunks/${chunk.n}/`;
    const headers = {
      "Content-Type": chunk.type || "application/octet-stream",
      "Content-Digest": `sha-256=:${toText(new Uint8Array(digest))}:`,
    };
    return send("PUT", url, bytes, headers);
  }

  /** The recording is finished on the server: its row there, or null when it refused. */
  async finish(options = {}) {
    const url = `${this.api}${this.recording.id}/finish/`;
    const segments = this.recording.segments.filter(({ chunks }) => chunks > 0);
    let answer;
    const ask = async () => {
      answer = await api("POST", url, { segments, ...options });
      return answer;
    };
    return (await this.through(ask)) ? answer.data : null;
  }

  // Tries until it got through; false when trying again would change nothing.
  async through(ask) {
    for (;;) {
      this.signal?.throwIfAborted();
      const answer = await ask();
      if (answer.ok) {
        this.wait = 0;
        this.onstate("sending");
        return true;
      }
      if (!mayPass(answer.status)) {
        this.onstate("refused", answer);
        return false;
      }
      this.onstate("waiting");
      this.wait = Math.min(LONGEST_WAIT_MS, Math.max(1_000, this.wait * 2, answer.wait * 1_000));
      await this.pause(this.wait);
    }
  }

  pause(ms) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.kicked = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function lockOf(id) {
  return `wop-recording-${id}`;
}

// The page that records holds a lock; that of a tab just killed may take a moment to come free.
async function ownerless(id) {
  const signal = AbortSignal.timeout(DYING_MS);
  try {
    return await navigator.locks.request(lockOf(id), { signal }, () => true);
  } catch (error) {
    if (error.name !== "TimeoutError") throw error;
    return false;
  }
}

// In the order they were said, also as texts.
function chunkId(recording, segment, n) {
  return `${recording}/${String(segment).padStart(3, "0")}/${String(n).padStart(5, "0")}`;
}

function range(recording) {
  return IDBKeyRange.bound(`${recording}/`, `${recording}0`);
}

function toText(bytes) {
  let text = "";
  for (let start = 0; start < bytes.length; start += 0x8000) {
    text += String.fromCharCode(...bytes.subarray(start, start + 0x8000));
  }
  return btoa(text);
}

function fromText(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}
