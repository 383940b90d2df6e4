// Saves that did not get through, sent again in their order: on `online`, on load, after sign-in.
//
// Events on document: `wop:outbox-sent` {copy, body, data}, `wop:outbox-refused` {copy, status, words}.
// A refusal ends the run. Its words stay on the device and are offered where they were written; the
// request is set aside, so that one bad save does not hold back the others for ever.
import { ask } from "./a11y.js";
import { change, dropCopy, keepCopy, keptCopies, newId } from "./drafts.js";
import { person, read, seal, unseal, wipe } from "./drafts.js";
import { api, mayPass } from "./net.js";

/** The save {copy, method, url, body, headers?} waits for its turn, in place of that copy's earlier. */
export async function queue(request) {
  const id = newId();
  const row = { id, copy: request.copy, ...(await seal("outbox", id, request)) };
  const earlier = await rowsOf(request.copy);
  await change("outbox", (store) => {
    for (const other of earlier) store.delete(other.id);
    store.put(row);
  });
}

/** No save of this copy waits any more: its words went another way. */
export async function settle(copy) {
  const rows = await rowsOf(copy);
  if (!rows.length) return;
  await change("outbox", (store) => {
    for (const row of rows) store.delete(row.id);
  });
}

/** The ids of the copies whose save waits. */
export async function waiting() {
  return new Set((await inOrder()).map((row) => row.copy));
}

/** How many saves still wait, after sending what could be sent. One tab at a time does it. */
export function replay() {
  return navigator.locks.request(`wop-outbox-${person()}`, async () => {
    const rows = (await inOrder()).filter((row) => !row.refused);
    for (const [done, row] of rows.entries()) {
      const request = await unseal("outbox", row);
      if (request && !(await sent(row, request))) return rows.length - done;
      await change("outbox", (store) => store.delete(row.id));
    }
    return 0;
  });
}

/**
 * True when the person may be signed out: everything was sent, or they chose to delete what was not;
 * then this device has forgotten them. The shell's template "ask-unsent" puts the question: its
 * [data-count] gets the number, its buttons are worth "send", "delete" and "".
 */
export async function leave() {
  for (;;) {
    await queueLooseCopies();
    await replay();
    const left = (await inOrder()).length;
    if (left === 0) break;
    const answer = await ask("ask-unsent", (dialog) => {
      dialog.querySelector("[data-count]").textContent = String(left);
    });
    if (answer === "delete") break;
    if (answer !== "send") return false;
  }
  await wipe();
  for (const name of await caches.keys()) await caches.delete(name);
  return true;
}

// What a killed tab left behind is on the device only, and in nobody's line yet.
async function queueLooseCopies() {
  const queued = await waiting();
  for (const { id, url, body } of await keptCopies()) {
    if (!queued.has(id)) await queue({ copy: id, method: "PUT", url, body });
  }
}

async function sent(row, request) {
  const { copy, method, url, body, headers } = request;
  const answer = await api(method, url, body, { headers });
  if (answer.ok) {
    // Stale: somebody wrote later, so the copy may hold words of its own; its editor decides.
    if (!answer.data?.stale) await dropCopy(copy, body.seq);
    tell("wop:outbox-sent", { copy, body, data: answer.data });
    return true;
  }
  if (mayPass(answer.status)) return false;
  await change("outbox", (store) => store.put({ ...row, refused: answer.status }));
  await offerAgain(copy, answer.status);
  tell("wop:outbox-refused", { copy, status: answer.status, words: answer.data?.detail ?? "" });
  return false;
}

async function offerAgain(id, status) {
  const copy = (await keptCopies()).find((kept) => kept.id === id);
  if (!copy) return;
  // What it was an edit of, or a reply to, is gone: it offers itself as a new entry.
  const scope = status === 404 || status === 410 ? "new" : copy.scope;
  await keepCopy({ ...copy, scope, sent: false });
}

async function inOrder() {
  const rows = await read("outbox", (store) => store.getAll());
  return rows.sort((a, b) => (a.id < b.id ? -1 : 1));
}

async function rowsOf(copy) {
  return (await inOrder()).filter((row) => row.copy === copy);
}

function tell(name, detail) {
  document.dispatchEvent(new CustomEvent(name, { detail }));
}
