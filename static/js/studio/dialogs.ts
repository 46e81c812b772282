/** The toolbar: what needs no question is done, the rest asks in a dialog the page brought along. */
import type { EditorView } from "@codemirror/view";
import { act, insert, insertBlock, selected } from "./commands";
import type { Editor } from "./editor";
import { whileComposing } from "./editor";
import { findDocuments } from "./links";
import { pictures } from "./pictures";

export function openDialogs(tools: HTMLElement, editor: Editor): void {
  const buttons = [...tools.querySelectorAll<HTMLButtonElement>("button")];
  for (const button of buttons) {
    const name = button.dataset.insert;
    if (name) button.addEventListener("click", () => act(editor.view, name) || openDialog(name, editor.view));
  }
  // One stop for the tab key, arrows within, as a toolbar works.
  buttons.forEach((button, index) => {
    button.tabIndex = index ? -1 : 0;
  });
  tools.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
    if (!step || at < 0) return;
    event.preventDefault();
    const next = buttons[(at + step + buttons.length) % buttons.length];
    for (const button of buttons) button.tabIndex = button === next ? 0 : -1;
    next?.focus();
  });
  for (const dialog of document.querySelectorAll<HTMLDialogElement>("dialog.studio-dialog")) {
    dialog.addEventListener("keydown", whileComposing, true);
    dialog.querySelector("[data-close]")?.addEventListener("click", () => dialog.close(""));
  }
  findDocuments();
}

/** Ask, and insert what was answered; whether there is such a dialog. */
export function openDialog(name: string, view: EditorView): boolean {
  const dialog = document.querySelector<HTMLDialogElement>(`#dialog-${name}`);
  const form = dialog?.querySelector("form");
  if (!dialog || !form) return false;
  const { from, to } = view.state.selection.main;
  const words = selected(view);
  form.reset();
  const field = form.elements.namedItem(name === "image" ? "alt" : "words");
  if (field instanceof HTMLInputElement && !words.includes("\n")) field.value = words;
  const place = dialog.querySelector<HTMLElement>("[data-picker=image]");
  if (name === "image" && place) pictures.offer?.(place, form);
  dialog.returnValue = "";
  dialog.addEventListener(
    "close",
    () => {
      view.focus();
      if (dialog.returnValue !== "ok") return;
      view.dispatch({ selection: { anchor: from, head: to } });
      write(view, name, new FormData(form));
    },
    { once: true },
  );
  dialog.showModal();
  return true;
}

function write(view: EditorView, name: string, said: FormData): void {
  const text = (field: string): string => String(said.get(field) ?? "").trim();
  if (name === "link") {
    const target = text("target");
    if (target) insert(view, `[${escaped(text("words") || target)}](${address(target)})`);
  } else if (name === "video") {
    insertBlock(view, `![${escaped(text("words"))}](${address(text("target"))})`);
  } else if (name === "image") {
    const caption = text("caption").replaceAll('"', "”");
    insertBlock(view, `![${escaped(text("alt"))}](${address(text("target"))}${caption ? ` "${caption}"` : ""})`);
  } else if (name === "callout") {
    const head = `:::${text("kind")}${text("title") ? ` ${text("title")}` : ""}\n`;
    const kept = selected(view);
    insertBlock(view, `${head}${kept}\n:::`, head.length + kept.length);
  } else if (name === "table") {
    const columns = Math.max(1, Number(text("columns")));
    const row = `|${"  |".repeat(columns)}`;
    const lines = [row, `|${"---|".repeat(columns)}`, ...Array.from({ length: Number(text("rows")) }, () => row)];
    insertBlock(view, lines.join("\n"), 2);
  }
}

function escaped(words: string): string {
  return words.replace(/[[\]\\]/g, "\\$&");
}

/** An address as markdown takes it whole. */
function address(target: string): string {
  return /[\s()<>]/.test(target) ? `<${target.replace(/[<>\n]/g, encodeURIComponent)}>` : target;
}
