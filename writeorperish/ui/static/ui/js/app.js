// What every page needs: the rules between htmx and the person, keys, and the elements' modules.
//
// The shell gives: #announce (polite live region), <wop-toasts id="toasts">, #offline (hidden), and the
// templates "ask-confirm" ([data-words], button[value=yes]), "ask-sign-in" (dialog[data-sign-in], its
// link opens sign-in in a new tab), "ask-unsent" ([data-count], buttons "send", "delete" and ""), each
// one <dialog> with a <form method="dialog">. [data-veil] on the button that blurs the page.
// <html data-person="<uid>" data-keys="off">: who this page is for; single keys turned off.
import { install, uninstall } from "../vendor/hotkey/index.js";
import { announce, ask, focusOn } from "./lib/a11y.js";
import { csrfToken } from "./lib/net.js";

const ELEMENTS = {
  "wop-beside": () => import("./elements/wop-beside.js"),
  "wop-dialog": () => import("./elements/wop-dialog.js"),
  "wop-diff": () => import("./elements/wop-diff.js"),
  "wop-editor": () => import("./elements/wop-editor.js"),
  "wop-list": () => import("./elements/wop-list.js"),
  "wop-menu": () => import("./elements/wop-menu.js"),
  "wop-palette": () => import("./elements/wop-palette.js"),
  "wop-player": () => import("./elements/wop-player.js"),
  "wop-reader": () => import("./elements/wop-reader.js"),
  "wop-recorder": () => import("./elements/wop-recorder.js"),
  "wop-reply": () => import("./elements/wop-reply.js"),
  "wop-speaker": () => import("./elements/wop-speaker.js"),
  "wop-time": () => import("./elements/wop-time.js"),
  "wop-toasts": () => import("./elements/wop-toasts.js"),
  "wop-upload": () => import("./elements/wop-upload.js"),
};
const RESYNC_MS = 20_000;
const CALM_MS = 300;
const RELEASE_MS = 10_000;
const root = document.documentElement;
const person = root.dataset.person ?? "";
const others = new BroadcastChannel("wop");
const keyed = new Set();
const troubled = new WeakSet();
let held = [];
let unanswered = [];
let asking = false;
let declined = false;

const on = (name, act, capture = false) => document.addEventListener(name, act, capture);

function tell(name, detail) {
  document.body.dispatchEvent(new CustomEvent(name, { bubbles: true, detail }));
}

function toast(words, more = {}) {
  tell("wop:toast-show", { words, ...more });
}

// Elements and keys of what has just come in.
function arrive() {
  for (const element of document.querySelectorAll(":not(:defined)")) ELEMENTS[element.localName]?.();
  for (const element of keyed) {
    if (element.isConnected) continue;
    uninstall(element);
    keyed.delete(element);
  }
  for (const element of document.querySelectorAll("[data-hotkey]")) {
    const keys = element.dataset.hotkey;
    if (keyed.has(element) || (root.dataset.keys === "off" && !/Mod|Control|Meta|Alt/.test(keys))) continue;
    install(element);
    keyed.add(element);
  }
}

// The header is always the cookie of now; the token in the form is as old as the page.
on("htmx:config:request", ({ detail: { ctx } }) => {
  ctx.request.body?.delete("csrfmiddlewaretoken");
  ctx.request.headers["X-CSRFToken"] = csrfToken();
});

on("htmx:confirm", async (event) => {
  if (!document.getElementById("ask-confirm")) return;
  event.preventDefault();
  const { ctx, issueRequest, dropRequest } = event.detail;
  const act = ctx.request.submitter ?? ctx.sourceElement;
  const answer = await ask("ask-confirm", (dialog) => {
    dialog.querySelector("[data-words]").textContent = ctx.confirm;
    const verb = act.matches("button, a") ? act.textContent.trim() : "";
    if (verb) dialog.querySelector("[value=yes]").textContent = verb;
  });
  if (answer === "yes") issueRequest();
  else dropRequest();
});

// While a request is under way its button cannot be pressed again, and keeps the focus.
on("htmx:before:request", ({ detail: { ctx } }) => {
  // What htmx forgets of it once an answer says that nothing is swapped.
  ctx.asked = { target: ctx.target, swap: ctx.swap };
  ctx.button = buttonOf(ctx);
  if (!ctx.button) return;
  ctx.button.setAttribute("aria-disabled", "true");
  ctx.calm = setTimeout(() => ctx.button.setAttribute("aria-busy", "true"), CALM_MS);
});

on("htmx:finally:request", ({ detail: { ctx } }) => {
  clearTimeout(ctx.calm);
  // Kept while the page leaves for where the answer sent it.
  if (!ctx.keepIndicators) release(ctx.button);
});

function buttonOf({ request, sourceElement }) {
  return request.submitter ?? (sourceElement.matches("button") ? sourceElement : null);
}

function release(button) {
  button?.removeAttribute("aria-disabled");
  button?.removeAttribute("aria-busy");
}

on(
  "submit",
  (event) => {
    if (event.submitter?.getAttribute("aria-disabled") !== "true") return;
    event.preventDefault();
    event.stopPropagation();
  },
  true,
);

on("submit", (event) => {
  if (event.defaultPrevented) return;
  const { target: form, submitter } = event;
  const token = form.elements.csrfmiddlewaretoken;
  if (token && csrfToken()) token.value = csrfToken();
  if (form.method !== "post") return;
  submitter?.setAttribute("aria-disabled", "true");
  setTimeout(release, RELEASE_MS, submitter);
  if (person && form.matches("[data-sign-out], [action$='/accounts/logout/']")) signOut(event);
});

window.addEventListener("pageshow", (event) => {
  if (event.persisted) document.querySelectorAll("button[aria-disabled]").forEach(release);
});

async function signOut(event) {
  const { target: form, submitter } = event;
  event.preventDefault();
  const { leave } = await import("./lib/outbox.js");
  const gone = !(await hasDatabase()) || (await leave());
  release(submitter);
  if (!gone) return;
  others.postMessage({ person: "" });
  form.submit();
}

// A part that would replace words being typed waits until they are saved; a part that is already
// there (an optimistic copy, a live one) is replaced and not added again.
on("htmx:before:swap", ({ detail: { ctx, tasks } }) => {
  tasks.push(...held.filter((task) => task.target.isConnected && !inTheWay(task)));
  held = held.filter((task) => task.target.isConnected && inTheWay(task));
  for (const task of tasks.splice(0)) {
    if (!task.target?.contains || !inTheWay(task) || ctx.sourceElement.closest("wop-editor[dirty]")) {
      tasks.push(...knownApart(task), task);
    } else held.push(task);
  }
});

on("wop:editor-saved", (event) => {
  if (held.length) window.htmx.swap({ text: "", swap: "none", sourceElement: event.target });
});

function inTheWay({ target, swapSpec }) {
  if (swapSpec.style === "none") return false;
  const dirty = document.querySelectorAll("wop-editor[dirty]");
  return [...dirty].some((editor) => target.contains(editor) || editor.contains(target));
}

function knownApart({ fragment, swapSpec, ...task }) {
  if (!["beforeend", "afterbegin"].includes(swapSpec.style)) return [];
  return [...fragment.children].flatMap((child) => {
    const target = child.id && document.getElementById(child.id);
    if (!target) return [];
    const alone = document.createDocumentFragment();
    alone.append(child);
    return [{ ...task, target, fragment: alone, swapSpec: { style: "outerHTML" } }];
  });
}

on("htmx:after:settle", ({ detail: { task, newContent } }) => {
  // A region that refreshes itself takes no focus and says nothing.
  if (task.swapSpec.style.endsWith("Morph")) return;
  const parts = newContent.filter((node) => node.nodeType === Node.ELEMENT_NODE);
  const find = (sign) =>
    parts.map((part) => (part.matches(sign) ? part : part.querySelector(sign))).find(Boolean);
  const focus = find("[data-focus]");
  if (focus) focusOn(focus);
  const said = find("[data-announce]");
  announce(said?.dataset.announce || said?.textContent.trim());
});
on("htmx:after:swap", arrive);

on("htmx:response:error", ({ detail: { ctx } }) => {
  const { status } = ctx.response;
  if (status === 401 && !polls(ctx)) {
    unanswered = unanswered.filter((other) => other.sourceElement !== ctx.sourceElement);
    unanswered.push(ctx);
    declined = false;
    tell("wop:signed-out");
  }
  if (status >= 500) failed(ctx, ctx.response.headers.get("X-Request-ID"));
});

on("htmx:error", (event) => {
  const { ctx } = event.detail;
  if (ctx && !ctx.response && !event.defaultPrevented) failed(ctx);
});

// Regions that poll try again by themselves.
function polls(ctx) {
  return ctx.sourceEvent?.type === "wop:resync";
}

// A second failure of the same control stays in sight.
function failed(ctx, reference = "") {
  if (polls(ctx)) return;
  const again = troubled.has(ctx.sourceElement);
  troubled.add(ctx.sourceElement);
  toast("", { kind: "failed", reference, sticky: again, act: () => repeat(ctx) });
}

function repeat({ sourceElement: source, sourceEvent: event, request, asked }) {
  if (!source.isConnected) return;
  if (!asked.target.isConnected) {
    source.click();
    return;
  }
  const headers = { "HX-Target": request.headers["HX-Target"] };
  window.htmx.ajax(request.method, request.action, { source, event, headers, confirm: null, ...asked });
}

// Asked once; after that only when the person does something, not at every pause in typing.
on("wop:signed-out", async () => {
  if (asking || declined || !person) return;
  asking = true;
  await ask("ask-sign-in");
  asking = false;
  declined = true;
});

// Every page says whom it is for: so a tab waiting for its person learns that they are back.
others.onmessage = ({ data }) => {
  if (!person) return;
  if (data.person === "") tell("wop:signed-out");
  else if (data.person !== person) {
    tell("wop:person-changed");
    location.reload();
  } else if (asking || declined) welcome();
};

function welcome() {
  for (const dialog of document.querySelectorAll("dialog[data-sign-in]")) dialog.close();
  tell("wop:signed-in");
  for (const ctx of unanswered.splice(0)) repeat(ctx);
}

on("wop:outbox-refused", ({ detail: { words } }) => toast(words, { kind: "failed", sticky: true }));

async function hasDatabase() {
  const databases = await indexedDB.databases();
  return databases.some(({ name }) => name === `wop-${person}`);
}

async function sendWaiting() {
  if (!person || !navigator.onLine || !(await hasDatabase())) return;
  // Without it, left or cut off while it was fetched, what waits goes on waiting.
  const outbox = await import("./lib/outbox.js").catch(() => null);
  await outbox?.replay();
}

function resync() {
  if (document.visibilityState === "visible" && navigator.onLine) tell("wop:resync");
}

function connection() {
  document.getElementById("offline")?.toggleAttribute("hidden", navigator.onLine);
  sendWaiting();
}

on("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing) return;
  if (event.key === "Escape" && event.shiftKey) veil();
  const { form } = event.target;
  if (event.key !== "Enter" || !(event.metaKey || event.ctrlKey) || !form) return;
  // Nothing that goes out to other people leaves by a key.
  if (form.hasAttribute("data-outward")) return;
  event.preventDefault();
  form.requestSubmit(form.querySelector("[type=submit]:not([formaction])"));
});

on("click", (event) => event.target.closest("[data-veil]") && veil());

function veil() {
  root.classList.toggle("veiled");
  for (const media of document.querySelectorAll("audio, video")) media.pause();
}

// Keys act on what is in front: nothing behind an open dialog.
on(
  "hotkey-fire",
  (event) => {
    if (document.querySelector("dialog:modal") && !event.target.closest("dialog:modal")) event.preventDefault();
  },
  true,
);

window.addEventListener("online", connection);
window.addEventListener("online", resync);
window.addEventListener("offline", connection);
on("visibilitychange", resync);
on("wop:signed-in", () => {
  declined = false;
  sendWaiting();
  resync();
});
setInterval(resync, RESYNC_MS);
if (person) {
  navigator.serviceWorker?.register("/sw.js").catch((error) => {
    console.warn("No page for being offline", error.name);
  });
}
const signedIn = document.querySelector("[data-signed-in]")?.dataset.signedIn ?? person;
if (signedIn) others.postMessage({ person: signedIn });
connection();
arrive();
