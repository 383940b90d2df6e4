// Markdown while it is typed. Every change goes through insertText, so the browser's undo knows it.

const ITEM = /^(\s*)(?:([-*+])|(\d{1,9})([.)]))(\s+)(\[[ xX]\]\s+)?(.*)$/;
const AROUND = { bold: "**", italic: "_" };
const BEFORE = { list: "- ", quote: "> ", heading: "## " };

/** True when Enter went on with a list, or ended it on an empty item. */
export function continueList(area) {
  const { selectionStart: from, selectionEnd: to, value } = area;
  if (from !== to) return false;
  const start = value.lastIndexOf("\n", from - 1) + 1;
  const item = value.slice(start, from).match(ITEM);
  if (!item) return false;
  const [, indent, bullet, number, mark, gap, box, rest] = item;
  if (!rest.trim() && !value.slice(from).split("\n", 1)[0].trim()) {
    area.setSelectionRange(start, from);
    insert("");
    return true;
  }
  const next = bullet ?? `${Number(number) + 1}${mark}`;
  insert(`\n${indent}${next}${gap}${box ? "[ ] " : ""}`);
  return true;
}

/** The selection as bold, italic, list, quote, heading or link; the same again takes it back. */
export function format(area, style) {
  area.focus();
  if (style === "undo") document.execCommand("undo");
  else if (style === "link") link(area);
  else if (style in AROUND) wrap(area, AROUND[style]);
  else if (style in BEFORE) prefix(area, BEFORE[style]);
}

function wrap(area, mark) {
  const { selectionStart: from, selectionEnd: to, value } = area;
  const inside = value.slice(from, to);
  const wrapped = value.slice(0, from).endsWith(mark) && value.startsWith(mark, to);
  if (wrapped) {
    area.setSelectionRange(from - mark.length, to + mark.length);
    insert(inside);
    area.setSelectionRange(from - mark.length, to - mark.length);
    return;
  }
  insert(mark + inside + mark);
  area.setSelectionRange(from + mark.length, to + mark.length);
}

function prefix(area, mark) {
  const { selectionStart, selectionEnd, value } = area;
  const from = value.lastIndexOf("\n", selectionStart - 1) + 1;
  const end = value.indexOf("\n", selectionEnd);
  const to = end < 0 ? value.length : end;
  const lines = value.slice(from, to).split("\n");
  const marked = lines.every((line) => line.startsWith(mark));
  const changed = lines.map((line) => (marked ? line.slice(mark.length) : mark + line)).join("\n");
  area.setSelectionRange(from, to);
  insert(changed);
  if (lines.length > 1) area.setSelectionRange(from, from + changed.length);
}

function link(area) {
  const { selectionStart: from, selectionEnd: to, value } = area;
  const words = value.slice(from, to);
  insert(`[${words}]()`);
  const inside = from + words.length + 3;
  area.setSelectionRange(inside, inside);
}

/** Words of their own paragraph, where the caret is. */
export function quote(area, words) {
  area.focus();
  const { selectionEnd: at, value } = area;
  area.setSelectionRange(at, at);
  const before = value.slice(0, at).replace(/[^\S\n]+$/u, "");
  const gap = !before || before.endsWith("\n\n") ? "" : before.endsWith("\n") ? "\n" : "\n\n";
  insert(`${gap}${words}\n\n`);
}

// Setting .value would empty the undo history; this is the only call that does not.
function insert(text) {
  if (text === "") document.execCommand("delete");
  else document.execCommand("insertText", false, text);
}
