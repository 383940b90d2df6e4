// <wop-dialog> once in the shell, around <div id="dialogs"></div> and
//   <template data-dialog-frame><dialog class="sheet"> <button type="button" data-close> <div data-body>.
// A link or form with data-dialog="<part>" anywhere on the page opens its page's part in that frame, as
// a native modal: the body gets the part's id, so the view answers with the part. A link with
// data-dialog="#<id>" opens the <dialog> of that id already on the page. A <dialog> the server puts into
// #dialogs (a conflict, an answer sent there) opens by itself. A POST inside that succeeds closes it,
// unless the form says data-stay; so does [data-close].
import { openModal } from "../lib/a11y.js";

class WopDialog extends HTMLElement {
  connectedCallback() {
    if (this.watching) return;
    this.stopListening = new AbortController();
    const { signal } = this.stopListening;
    document.addEventListener("click", (event) => this.click(event), { signal });
    document.addEventListener("submit", (event) => this.submit(event), { signal, capture: true });
    document.addEventListener("htmx:after:request", (event) => this.answered(event), { signal });
    this.watching = new MutationObserver(() => this.openArrived());
    this.watching.observe(this.querySelector("#dialogs"), { childList: true });
    this.openArrived();
  }

  connectedMoveCallback() {}

  disconnectedCallback() {
    this.watching.disconnect();
    this.watching = null;
    this.stopListening.abort();
  }

  click(event) {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.target.closest("[data-close]")?.closest("dialog")?.close();
    const link = event.target.closest("a[data-dialog], button[data-dialog]");
    if (!link) return;
    const { dialog: name } = link.dataset;
    if (name.startsWith("#")) {
      event.preventDefault();
      openModal(document.querySelector(name));
    } else if (link.href && this.open(name, "GET", link.href, { source: link })) event.preventDefault();
  }

  submit(event) {
    const { target: form } = event;
    if (event.defaultPrevented || !form.dataset.dialog) return;
    const { method, action } = form;
    if (!this.open(form.dataset.dialog, method, action, { source: form, event })) return;
    event.preventDefault();
    event.stopPropagation();
  }

  open(part, method, url, from) {
    const frame = this.querySelector("template[data-dialog-frame]");
    if (!frame || !window.htmx) return false;
    const dialog = frame.content.firstElementChild.cloneNode(true);
    const body = dialog.querySelector("[data-body]");
    body.id = part;
    this.append(dialog);
    // htmx names the target the link would have had; the view must know the one it gets.
    const headers = { "HX-Target": `${body.localName}#${encodeURI(part)}` };
    window.htmx.ajax(method, url, { ...from, headers, target: body, swap: "outerHTML" }).then(() => {
      // Nothing came: the body is as empty as it was cloned, and the toast has said so.
      if (body.isConnected) dialog.remove();
      else openModal(dialog).then(() => dialog.remove());
    });
    return true;
  }

  openArrived() {
    for (const dialog of this.querySelectorAll("#dialogs > dialog:not([open])")) {
      openModal(dialog).then(() => dialog.remove());
    }
  }

  answered({ detail: { ctx } }) {
    const { sourceElement: form, request, response } = ctx;
    if (request.method !== "POST" || response.status >= 300 || form.hasAttribute("data-stay")) return;
    form.closest("dialog")?.close();
  }
}

if (!customElements.get("wop-dialog")) customElements.define("wop-dialog", WopDialog);
