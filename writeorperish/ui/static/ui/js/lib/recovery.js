// What this device still holds for a page that opens: words of a tab that was killed or left offline.
import { dropCopy } from "./drafts.js";
import { mayPass } from "./net.js";
import { waiting } from "./outbox.js";
import { fetchDraft, fetchNode, sameWords } from "./saving.js";

const DYING_MS = 1_000;

/**
 * {copy, kind} or null. page: {draft, seq, scope, base, title, text} as the server printed it.
 * "restore": the copy goes on from just what the page shows. "other": the server has gone on
 * differently since, so the copy may only be offered. Copies that say the same as the page, and
 * copies whose entry was saved after all, are removed.
 */
export async function recover(copies, page) {
  const queued = await waiting();
  for (const copy of copies) {
    const fits = copy.draft === page.draft || copy.scope === page.scope;
    if (!fits || !(await ownerless(copy))) continue;
    if (copy.sent && queued.has(copy.id)) continue;
    const safe = sameWords(copy.body, page) || (copy.sent && (await arrived(copy)));
    if (safe) await dropCopy(copy.id);
    if (safe === false) return { copy, kind: follows(copy, page) ? "restore" : "other" };
  }
  return null;
}

// Its editor holds a lock while it lives; that of a tab just killed may take a moment to come free.
async function ownerless({ id }) {
  const signal = AbortSignal.timeout(DYING_MS);
  try {
    return await navigator.locks.request(`wop-copy-${id}`, { signal }, () => true);
  } catch (error) {
    if (error.name !== "TimeoutError") throw error;
    return false;
  }
}

function follows(copy, page) {
  if ((copy.body.base_rev ?? 0) !== page.base) return false;
  if (copy.draft === page.draft) return copy.acked >= page.seq;
  return page.seq === 0 && (page.base > 0 || page.text === "");
}

// A form was sent and the tab was gone before the answer. Null: the server cannot be asked now.
async function arrived({ draft, body, acked }) {
  const node = await fetchNode(body.edits ?? draft);
  if (mayPass(node.status)) return null;
  if (node.ok && sameWords(node.data, body)) return true;
  if (!body.edits || acked === 0) return false;
  // The draft of an edit ends with its save, whatever the entry says by now.
  return (await fetchDraft(draft)).status === 404;
}

/** The server's draft this tab was writing before the page was loaded again, or null. */
export async function resume(id, { draft, seq, text }) {
  if (!id || id === draft || seq > 0 || text !== "") return null;
  const { ok, data } = await fetchDraft(id);
  return ok ? data : null;
}
