// Words kept on this device until the server has them.
//
// One database per person, named by <html data-person>, so another account in this browser opens
// nothing of it. Every row is AES-GCM under a key the browser made, stored beside the rows, and never
// lets a script read. What that gives, honestly: it keeps the words from other accounts, from somebody
// who leafs through the browser's storage pages, and from a backup of single records. It does not
// protect from who controls this browser profile or runs a script on this site: the key is here too,
// and works for them. Without a secure context (plain HTTP on a network) there is no cryptography, and
// then nothing is kept on the device at all.

const SHAPE = 1;
const KEY = "local";
const bytes = new TextEncoder();
const words = new TextDecoder();

let opening = null;
let line = Promise.resolve();
let wiped = false;
let askedToPersist = false;
let lastInstant = 0;

document.addEventListener("wop:signed-in", () => {
  wiped = false;
});

/** The id of whom this page was made for, "" when nobody is signed in. */
export function person() {
  return document.documentElement.dataset.person ?? "";
}

/** A UUID (version 7), greater than every earlier one of this page: rows are named here first. */
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
 * The copy is on this device, sealed: {id, draft, scope, at, seq, acked, url, body, sent}. One editor
 * has one copy `id`; `acked` is the server's seq its words grew from, `url` and `body` are its save,
 * `sent` that its entry is on its way. Rejects when nothing can be kept here.
 */
export function keepCopy(copy) {
  return inLine(async () => {
    const row = { id: copy.id, seq: copy.seq, ...(await seal("drafts", copy.id, copy)) };
    await change("drafts", (store) => store.put(row));
    if (askedToPersist) return;
    askedToPersist = true;
    await navigator.storage?.persist?.();
  });
}

/** Every copy kept here, newest first. */
export function keptCopies() {
  return inLine(async () => {
    const copies = [];
    for (const row of await read("drafts", (store) => store.getAll())) {
      const copy = await unseal("drafts", row);
      if (copy) copies.push(copy);
    }
    return copies.sort((a, b) => b.at - a.at);
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

/** The value sealed as {iv, sealed}; table and id are bound to it, so rows cannot be swapped. */
export async function seal(table, id, value) {
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const how = { name: "AES-GCM", iv, additionalData: bytes.encode(`${table}/${id}`) };
  const clear = bytes.encode(JSON.stringify(value));
  return { iv, sealed: await crypto.subtle.encrypt(how, await localKey(), clear) };
}

/** The value of a sealed row with an id; null, and the row is gone, if its key is gone. */
export async function unseal(table, row) {
  const how = { name: "AES-GCM", iv: row.iv, additionalData: bytes.encode(`${table}/${row.id}`) };
  try {
    return JSON.parse(words.decode(await crypto.subtle.decrypt(how, await localKey(), row.sealed)));
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

/** The change to one store is on the disk's way: the transaction is through. */
export async function change(table, act) {
  const transaction = (await database()).transaction(table, "readwrite");
  const through = new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onabort = () => reject(transaction.error);
  });
  await Promise.all([act(transaction.objectStore(table)), through]);
}

/** Nothing of this person is left on this device, the key first of all. */
export function wipe() {
  return inLine(async () => {
    const open = await database();
    wiped = true;
    opening = null;
    open.close();
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

function database() {
  if (!person() || wiped) return Promise.reject(new Error("Nobody is signed in on this page"));
  if (!globalThis.crypto?.subtle) return Promise.reject(new Error("No cryptography on this origin"));
  opening ??= open().catch((error) => {
    opening = null;
    throw error;
  });
  return opening;
}

async function open() {
  const request = indexedDB.open(name(), SHAPE);
  request.onupgradeneeded = () => {
    for (const table of ["keys", "drafts", "outbox"]) {
      request.result.createObjectStore(table, { keyPath: "id" });
    }
  };
  const opened = await settled(request);
  // Another tab signs out: let go, and keep nothing more until somebody signs in.
  opened.onversionchange = () => {
    wiped = true;
    opening = null;
    opened.close();
  };
  opened.onclose = () => {
    opening = null;
  };
  return opened;
}

async function localKey() {
  const found = await read("keys", (store) => store.get(KEY));
  if (found) return found.key;
  const made = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, [
    "encrypt",
    "decrypt",
  ]);
  let kept = made;
  await change("keys", async (store) => {
    // Two tabs may be first at once; the one stored is the one both use.
    const other = await settled(store.get(KEY));
    if (other) kept = other.key;
    else store.add({ id: KEY, key: made });
  });
  return kept;
}

function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
