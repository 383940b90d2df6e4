// <wop-recorder data-api data-page data-parent data-draft data-full data-msg-*>: speaks into segments, one for each
// run of a MediaRecorder, in pieces of five seconds. Each piece is sealed on this device first and sent
// then; what the server has not confirmed as a whole stays here. [data-record], [data-pause],
// [data-resume], [data-stop], [data-discard] are its buttons; [data-clock], [data-level], [data-state]
// show it; [data-kept] lists recordings that were cut off on this device.
import { announce, ask } from "../lib/a11y.js";
import { newId } from "../lib/drafts.js";
import { api } from "../lib/net.js";
import { Sender, busyWith, cutOff, dropRecording, keepChunk, keepRecording } from "../lib/sound.js";

const PIECE_MS = 5_000;
const TICK_MS = 200;
const LONGEST_MS = 4 * 3_600_000;
const KINDS = ["audio/webm;codecs=opus", "audio/mp4;codecs=mp4a.40.2", "audio/mp4", "audio/ogg;codecs=opus"];
const WANTED = { audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true } };
const SHOWN = {
  idle: ["record"],
  asking: [],
  recording: ["pause", "stop"],
  paused: ["resume", "stop", "discard"],
  finishing: [],
};

class WopRecorder extends HTMLElement {
  connectedCallback() {
    if (this.stopListening) return;
    this.stopListening = new AbortController();
    const { signal } = this.stopListening;
    this.addEventListener("click", (event) => this.click(event), { signal });
    document.addEventListener("visibilitychange", () => document.hidden && this.flush(), { signal });
    window.addEventListener("pagehide", () => this.flush(), { signal });
    window.addEventListener("beforeunload", (event) => this.leaving(event), { signal });
    this.state = "idle";
    const able = window.MediaRecorder && navigator.mediaDevices?.getUserMedia && crypto.subtle;
    if (!able) {
      this.say("unable");
      return;
    }
    this.show("idle");
    this.part("choice")?.removeAttribute("hidden");
    this.listKept();
  }

  connectedMoveCallback() {}

  disconnectedCallback() {
    this.stopListening?.abort();
    this.stopListening = null;
    this.letGo();
  }

  part(name) {
    return this.querySelector(`[data-${name}]`);
  }

  click({ target }) {
    if (target.closest("[data-record]")) this.begin();
    else if (target.closest("[data-pause]")) this.pause();
    else if (target.closest("[data-resume]")) this.resume();
    else if (target.closest("[data-stop]")) this.stop();
    else if (target.closest("[data-discard]")) this.discard();
    else if (target.closest("[data-send]")) this.sendKept(target.closest("[data-send]"));
  }

  // A recording begins with the microphone: without one nothing was begun.
  async begin() {
    const written = this.part("written-down");
    this.recording = {
      id: newId(),
      at: Date.now(),
      draft: this.dataset.draft,
      parent: this.dataset.parent,
      usage: written ? (written.checked ? "chat" : "none") : "",
      segments: [],
    };
    this.elapsed = 0;
    if (!(await this.listen())) return;
    busyWith(this.recording.id, () => new Promise((done) => (this.done = done)));
    await keepRecording(this.recording);
    this.sender = new Sender(this.dataset.api, this.recording, {
      onstate: (state, answer) => this.sending(state, answer),
      signal: this.stopListening.signal,
    });
    this.send();
  }

  // True once a new segment runs. Its recorder may speak another container than the one before.
  async listen() {
    this.show("asking");
    this.say("asking");
    try {
      this.stream = await navigator.mediaDevices.getUserMedia(WANTED);
    } catch (error) {
      this.show(this.recording.segments.length ? "paused" : "idle");
      this.say(error.name === "NotFoundError" ? "none" : "denied");
      return false;
    }
    const segment = { index: this.recording.segments.length, chunks: 0, duration_ms: 0 };
    this.recording.segments.push(segment);
    const mimeType = KINDS.find((kind) => MediaRecorder.isTypeSupported(kind));
    const recorder = new MediaRecorder(this.stream, { mimeType, audioBitsPerSecond: 32_000 });
    this.recorder = recorder;
    this.kept = Promise.resolve();
    this.stopped = new Promise((resolve) => recorder.addEventListener("stop", resolve));
    recorder.addEventListener("dataavailable", ({ data }) => this.take(segment, data));
    const [track] = this.stream.getAudioTracks();
    for (const cause of ["mute", "ended"]) track.addEventListener(cause, () => this.interrupted(recorder));
    recorder.addEventListener("error", () => this.interrupted(recorder));
    recorder.start(PIECE_MS);
    this.watch();
    this.show("recording");
    this.say("recording");
    return true;
  }

  // Empty pieces come from some browsers when they stop; they use no number.
  take(segment, blob) {
    if (!blob.size) return;
    const n = segment.chunks;
    segment.chunks += 1;
    segment.duration_ms = Math.round(this.segmentMs());
    const { id } = this.recording;
    this.kept = this.kept.then(async () => {
      const bytes = new Uint8Array(await blob.arrayBuffer());
      await keepChunk({ recording: id, segment: segment.index, n, type: blob.type, bytes });
      await keepRecording(this.recording);
      this.send();
    });
  }

  segmentMs() {
    return this.heard + (this.since ? performance.now() - this.since : 0);
  }

  flush() {
    if (this.recorder?.state === "recording") this.recorder.requestData();
  }

  pause() {
    this.flush();
    this.recorder.pause();
    this.rest();
    this.show("paused");
    this.say("paused");
  }

  async resume() {
    if (this.recorder.state === "paused" && this.stream.getAudioTracks()[0].readyState === "live") {
      this.recorder.resume();
      this.since = performance.now();
      this.show("recording");
      this.say("recording");
    } else await this.listen();
  }

  // A call, a lock screen, a microphone that was pulled: what was said so far is kept, and said to be.
  async interrupted(recorder) {
    if (recorder !== this.recorder || this.state === "finishing" || recorder.state === "inactive") return;
    this.rest();
    recorder.stop();
    await this.stopped;
    this.endStream();
    this.show("paused");
    this.say("interrupted");
  }

  async stop() {
    this.rest();
    this.show("finishing");
    this.say("finishing");
    if (this.recorder.state !== "inactive") this.recorder.stop();
    await this.stopped;
    await this.kept;
    this.endStream();
    this.wake?.release();
    if (!this.recording.segments.some(({ chunks }) => chunks)) {
      await dropRecording(this.recording.id);
      this.show("idle");
      this.say("silent");
      return;
    }
    this.recording.over = true;
    await keepRecording(this.recording);
    await this.finish(this.sender, this.recording);
  }

  // Everything is sent, the server confirms the whole, and only then this device forgets it.
  async finish(sender, recording) {
    if (!(await sender.all())) return;
    const told = await sender.finish();
    if (!told) return;
    await dropRecording(recording.id);
    this.state = "over";
    this.done?.();
    location.assign(`${this.dataset.page}${recording.id}/`);
  }

  async discard() {
    const answer = await ask("ask-confirm", (dialog) => {
      dialog.querySelector("[data-words]").textContent = this.part("discard").textContent.trim();
    });
    if (answer !== "yes") return;
    const { id } = this.recording;
    this.letGo();
    await dropRecording(id);
    await api("DELETE", `${this.dataset.api}${id}/`);
    this.show("idle");
    this.say("");
  }

  // --- sending ---

  send() {
    this.sender.all().catch((error) => {
      if (error.name !== "AbortError") throw error;
    });
  }

  sending(state, answer) {
    if (state === "refused") {
      this.part("state").textContent = answer.data?.detail ?? this.dataset.msgFailed;
      if (this.state === "finishing") this.show("idle");
    } else if (state === "waiting") this.say("offline");
    else if (this.state in { recording: 0, paused: 0, finishing: 0 } && this.said === "offline") {
      this.say(this.state);
    }
  }

  // --- what was cut off on this device ---

  async listKept() {
    const list = this.part("kept");
    const kept = await cutOff();
    list.replaceChildren(
      ...kept.map((recording) => {
        const item = document.createElement("li");
        const button = document.createElement("button");
        button.type = "button";
        button.className = "button";
        button.dataset.tone = "default";
        button.dataset.send = recording.id;
        button.textContent = list.dataset.msgGoOn;
        const at = new Date(recording.at).toLocaleString(document.documentElement.lang);
        item.className = "row";
        item.append(`${list.dataset.msgKept} (${at}). `, button);
        return item;
      }),
    );
    list.hidden = kept.length === 0;
  }

  async sendKept(button) {
    button.disabled = true;
    const recording = (await cutOff()).find(({ id }) => id === button.dataset.send);
    if (!recording) return;
    if (!recording.segments.some(({ chunks }) => chunks)) {
      await dropRecording(recording.id);
      this.listKept();
      return;
    }
    this.show("finishing");
    this.say("finishing");
    const sender = new Sender(this.dataset.api, recording, {
      onstate: (state, answer) => this.sending(state, answer),
      signal: this.stopListening.signal,
    });
    await busyWith(recording.id, () => this.finish(sender, recording));
  }

  // --- what is shown ---

  show(state) {
    this.state = state;
    this.dataset.now = state;
    // With no room left nothing new begins; what was cut off on this device is still sent.
    const full = state === "idle" && "full" in this.dataset;
    const shown = full ? [] : SHOWN[state];
    for (const name of ["record", "pause", "resume", "stop", "discard"]) {
      this.part(name).hidden = !shown.includes(name);
    }
    const running = state === "recording" || state === "paused" || state === "finishing";
    this.part("clock").hidden = !running;
    this.part("level").hidden = state !== "recording";
    this.part("before").hidden = full || state !== "idle";
  }

  say(name) {
    this.said = name;
    const words = name ? (this.dataset[`msg${name[0].toUpperCase()}${name.slice(1)}`] ?? "") : "";
    this.part("state").textContent = words;
    announce(words);
  }

  watch() {
    this.heard = 0;
    this.since = performance.now();
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    analyser.fftSize = 1024;
    context.createMediaStreamSource(this.stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    this.context = context;
    clearInterval(this.ticking);
    this.ticking = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      this.tick(samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0));
    }, TICK_MS);
    navigator.wakeLock?.request("screen").then(
      (wake) => (this.wake = wake),
      () => undefined,
    );
  }

  tick(level) {
    const seconds = Math.floor((this.elapsed + this.segmentMs()) / 1_000);
    const clock = this.part("clock");
    const shown = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    if (clock.textContent !== shown) clock.textContent = shown;
    this.part("level").value = this.since ? level : 0;
    if (seconds * 1_000 >= LONGEST_MS) this.stop();
  }

  rest() {
    this.heard = this.segmentMs();
    this.since = 0;
  }

  endStream() {
    clearInterval(this.ticking);
    this.elapsed += this.heard;
    this.heard = 0;
    this.context?.close();
    this.context = null;
    for (const track of this.stream?.getTracks() ?? []) track.stop();
  }

  letGo() {
    const running = this.recorder && this.recorder.state !== "inactive";
    this.recorder = running ? (this.recorder.stop(), null) : null;
    if (this.context) this.endStream();
    this.wake?.release();
    this.done?.();
  }

  leaving(event) {
    if (["recording", "paused", "finishing"].includes(this.state)) event.preventDefault();
  }
}

if (!customElements.get("wop-recorder")) customElements.define("wop-recorder", WopRecorder);
