// What this device still holds for a page that opens: words of a tab that was killed or left offline.
import { dropCopy, keptCopies } from "./drafts.js";
import { mayPass } from "./net.js";
import { waiting } from "./outbox.js";
import { fetchDraft, fetchNode, sameWords } from "./saving.js";

const PLACE = "wop-writing ";

/**
 * {copy, kind} or null. page: {draft, seq, scope, base, title, text} as the server printed it.
 * "restore": the copy goes on from just what the page shows. "other": the server has gone on
 * differently since, so the copy may only be offered. Copies that say the same as the page, and
 * copies whose entry was saved after all, are removed.
 */
export async function recover(page) {
  const queued = await waiting();
  for (const copy of await leftBehind(page)) {
    if (copy.sent && queued.has(copy.id)) continue;
    const safe = sameWords(copy.body, page) || (copy.sent && (await arrived(copy)));
    if (safe) await dropCopy(copy.id);
    if (safe === false) return { copy, kind: follows(copy, page) ? "restore" : "other" };
  }
  return null;
}

async function leftBehind(page) {
  const { held } = await navigator.locks.query();
  const alive = new Set(held.map((lock) => lock.name));
  const copies = await keptCopies();
  return copies.filter(
    (copy) =>
      !alive.has(`wop-copy-${copy.id}`) && (copy.draft === page.draft || copy.scope === page.scope),
  );
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

/** The server's draft this tab was writing on this page before it was loaded again, or null. */
export async function resume({ draft, seq, scope, text }) {
  const id = sessionStorage.getItem(PLACE + scope);
  if (!id || id === draft || seq > 0 || text !== "") return null;
  const { ok, data } = await fetchDraft(id);
  return ok ? data : null;
}

/** This tab is writing that draft here; none with "". Ids only, no words. */
export function mark(scope, draft) {
  if (draft) sessionStorage.setItem(PLACE + scope, draft);
  else sessionStorage.removeItem(PLACE + scope);
}
