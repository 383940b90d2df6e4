// Words kept on this device until the server has them: one database per person, every row AES-GCM under
// a key the browser made and lets no script read. Honestly: that keeps them from other accounts here and
// from who leafs through the browser's storage, not from who controls this browser profile or runs a
// script on this site, for the key lies beside them. Without a secure context nothing is kept at all.

const KEY = "local";
const bytes = new TextEncoder();
let opening = null;
let line = Promise.resolve();
let wiped = false;
let persisted = false;
let lastInstant = 0;

document.addEventListener("wop:signed-in", () => {
  wiped = false;
});

/** The id of whom this page was made for, "" when nobody is signed in. */
export function person() {
  return document.documentElement.dataset.person ?? "";
}

/** A UUID (version 7), greater than every earlier one of this page. */
export function newId() {
  const random = crypto.getRandomValues(new Uint8Array(16));
  lastInstant = Math.max(Date.now(), lastInstant + 1);
  const instant = BigInt(lastInstant);
  for (let n = 0; n < 6; n += 1) random[n] = Number((instant >> BigInt(40 - 8 * n)) & 0xffn);
  random[6] = (random[6] & 0x0f) | 0x70;
  random[8] = (random[8] & 0x3f) | 0x80;
  const hex = Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/**
 * The copy is on this device: {id, draft, scope, at, seq, acked, url, body, sent}. One editor has one
 * copy; `acked` is the server's seq its words grew from, `sent` that its entry is on its way.
 */
export function keepCopy(copy) {
  return inLine(async () => {
    const row = { id: copy.id, seq: copy.seq, ...(await seal("drafts", copy.id, copy)) };
    await change("drafts", (store) => store.put(row));
    if (!persisted) await navigator.storage?.persist?.();
    persisted = true;
  });
}

/** Every copy kept here, newest first. */
export function keptCopies() {
  return inLine(async () => {
    const rows = await read("drafts", (store) => store.getAll());
    const copies = await Promise.all(rows.map((row) => unseal("drafts", row)));
    return copies.filter(Boolean).sort((a, b) => b.at - a.at);
  });
}

/** The copy is gone from this device, unless it was typed in after `upTo`. */
export function dropCopy(id, upTo = Infinity) {
  return inLine(() =>
    change("drafts", async (store) => {
      const row = await settled(store.get(id));
      if (row && row.seq <= upTo) store.delete(id);
    }),
  );
}

/** {iv, sealed}, bound to table and id, so that rows cannot be swapped. */
export async function seal(table, id, value) {
  const how = cipher(table, id, crypto.getRandomValues(new Uint8Array(12)));
  const clear = bytes.encode(JSON.stringify(value));
  return { iv: how.iv, sealed: await crypto.subtle.encrypt(how, await localKey(), clear) };
}

/** The value of a sealed row; null, and the row is gone, if it cannot be opened any more. */
export async function unseal(table, row) {
  try {
    const how = cipher(table, row.id, row.iv);
    const clear = await crypto.subtle.decrypt(how, await localKey(), row.sealed);
    return JSON.parse(new TextDecoder().decode(clear));
  } catch (error) {
    if (error.name !== "OperationError") throw error;
    console.warn("A row on this device cannot be opened any more", table);
    await change(table, (store) => store.delete(row.id));
    return null;
  }
}

/** What one read of a store answers. */
export async function read(table, question) {
  const transaction = (await database()).transaction(table, "readonly");
  return settled(question(transaction.objectStore(table)));
}

/** The change of one store is through. */
export async function change(table, act) {
  const transaction = (await database()).transaction(table, "readwrite");
  const through = new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    // A page that is left takes its transactions along and names no error.
    transaction.onabort = () => reject(transaction.error ?? new DOMException("Cut off", "AbortError"));
  });
  // Even an act that fails at once leaves nobody unheard: the transaction aborts right after it.
  const acted = (async () => act(transaction.objectStore(table)))();
  await Promise.all([acted, through]);
}

/** Nothing of this person is left on this device. */
export function wipe() {
  return inLine(async () => {
    letGo(await database());
    await settled(indexedDB.deleteDatabase(name()));
  });
}

// One thing after another: a copy still being sealed must not land after it was dropped.
function inLine(work) {
  const done = line.then(work);
  line = done.catch(() => undefined);
  return done;
}

function name() {
  return `wop-${person()}`;
}

function cipher(table, id, iv) {
  return { name: "AES-GCM", iv, additionalData: bytes.encode(`${table}/${id}`) };
}

async function database() {
  if (!person() || wiped) throw new Error("Nobody is signed in on this page");
  if (!crypto.subtle) throw new Error("No cryptography on this origin");
  opening ??= open().catch((error) => {
    opening = null;
    throw error;
  });
  return opening;
}

async function open() {
  const request = indexedDB.open(name(), 2);
  request.onupgradeneeded = () => {
    const standing = request.result.objectStoreNames;
    for (const table of ["keys", "drafts", "outbox", "recordings", "chunks"]) {
      if (!standing.contains(table)) request.result.createObjectStore(table, { keyPath: "id" });
    }
  };
  const opened = await settled(request);
  // Another tab signs out.
  opened.onversionchange = () => letGo(opened);
  opened.onclose = () => {
    opening = null;
  };
  return opened;
}

// Nothing more is kept until somebody signs in.
function letGo(opened) {
  wiped = true;
  opening = null;
  opened.close();
}

async function localKey() {
  const found = await read("keys", (store) => store.get(KEY));
  if (found) return found.key;
  const uses = ["encrypt", "decrypt"];
  let key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, uses);
  await change("keys", async (store) => {
    // Two tabs may be first at once; the key that was stored is the one both use.
    const other = await settled(store.get(KEY));
    if (other) key = other.key;
    else store.add({ id: KEY, key });
  });
  return key;
}

function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
