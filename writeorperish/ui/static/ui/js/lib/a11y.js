// Focus, the live region and modal dialogs: what a person without a pointer or a screen relies on.

const FOCUSABLE =
  "a[href], button:not([disabled]), input:not([disabled], [type=hidden]), select, textarea, summary, [tabindex]";

/** The words are read aloud once, politely, through the shell's #announce. */
export function announce(words) {
  const region = document.getElementById("announce");
  if (!region || !words) return;
  // Emptied first: the same sentence twice is no change, and no change is not read.
  region.textContent = "";
  requestAnimationFrame(() => {
    region.textContent = words;
  });
}

/** The element has the focus, whether or not it can be reached by Tab. */
export function focusOn(element) {
  if (!element.matches(FOCUSABLE)) element.setAttribute("tabindex", "-1");
  element.focus();
}

/** What Tab would reach first inside, a field before anything else; null when there is nothing. */
export function firstField(container) {
  return (
    container.querySelector("[data-focus]") ??
    container.querySelector("h1, h2") ??
    container.querySelector("input:not([type=hidden]), textarea, select") ??
    container.querySelector(FOCUSABLE)
  );
}

/** The dialog's return value once it closes; the focus goes back to where it was. */
export function openModal(dialog) {
  const opener = document.activeElement;
  let touched = false;
  const notice = () => {
    touched = true;
  };
  const hold = (event) => {
    if (event.target === dialog && touched) event.preventDefault();
  };
  dialog.addEventListener("input", notice);
  dialog.addEventListener("cancel", hold);
  return new Promise((resolve) => {
    dialog.addEventListener(
      "close",
      () => {
        dialog.removeEventListener("input", notice);
        dialog.removeEventListener("cancel", hold);
        if (opener?.isConnected) opener.focus({ preventScroll: true });
        resolve(dialog.returnValue);
      },
      { once: true },
    );
    dialog.returnValue = "";
    // Printed open for who has no scripts; a modal has to be opened anew.
    dialog.removeAttribute("open");
    dialog.showModal();
    const start = firstField(dialog);
    if (start) focusOn(start);
  });
}

/**
 * The answer to a question the shell holds in <template id>: the value of the button pressed, "" for
 * Esc, null when the page has no such template. `fill` writes the words before it opens.
 */
export async function ask(id, fill = () => {}) {
  const template = document.getElementById(id);
  if (!template) return null;
  const dialog = template.content.firstElementChild.cloneNode(true);
  fill(dialog);
  document.body.append(dialog);
  const answer = await openModal(dialog);
  dialog.remove();
  return answer;
}

/** The neighbour `step` places further, staying at the ends; the first one when none is current. */
export function neighbour(all, current, step) {
  const at = all.indexOf(current);
  if (at < 0) return all[0];
  return all[Math.min(all.length - 1, Math.max(0, at + step))];
}
