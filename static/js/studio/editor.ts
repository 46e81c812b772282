/** CodeMirror in the place of the textarea: what is typed goes in and comes out as it is, not one byte put right. */
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { markdown, markdownKeymap } from "@codemirror/lang-markdown";
import { syntaxHighlighting } from "@codemirror/language";
import { EditorState } from "@codemirror/state";
import { EditorView, highlightActiveLine, keymap, placeholder } from "@codemirror/view";
import { tagHighlighter, tags } from "@lezer/highlight";
import { toCell } from "./cells";
import { act } from "./commands";
import { openDialog } from "./dialogs";
import { finding, whateverIsTyped } from "./finding";
import { fromElsewhere } from "./paste";
import { japaneseStrong } from "./strong";

export interface Editor {
  view: EditorView;
  /** Call `told` whenever anything of the form changes. */
  onChange(told: () => void): void;
}

const classes = tagHighlighter([
  { tag: tags.heading, class: "md-heading" },
  { tag: tags.strong, class: "md-strong" },
  { tag: tags.emphasis, class: "md-emphasis" },
  { tag: tags.strikethrough, class: "md-struck" },
  { tag: [tags.link, tags.url], class: "md-link" },
  { tag: tags.monospace, class: "md-code" },
  { tag: tags.quote, class: "md-quote" },
  { tag: [tags.processingInstruction, tags.contentSeparator, tags.labelName], class: "md-mark" },
]);

export function makeEditor(form: HTMLFormElement, body: HTMLTextAreaElement): Editor {
  const listeners: (() => void)[] = [];
  const changed = (): void => {
    for (const told of listeners) told();
  };
  const view: EditorView = new EditorView({
    state: EditorState.create({
      doc: body.value,
      extensions: [
        EditorView.cspNonce.of(form.dataset.nonce ?? ""),
        history(),
        markdown({ addKeymap: false, extensions: [japaneseStrong] }),
        finding(form.dataset.phrases),
        syntaxHighlighting(classes),
        highlightActiveLine(),
        EditorView.lineWrapping,
        placeholder(body.placeholder),
        EditorView.contentAttributes.of({
          "aria-labelledby": "body-label",
          lang: form.dataset.lang ?? "ja",
          spellcheck: "true",
        }),
        keymap.of([
          { key: "Mod-s", run: () => press(form), preventDefault: true },
          { key: "Mod-b", run: (on) => act(on, "bold") },
          { key: "Mod-i", run: (on) => act(on, "italic") },
          { key: "Mod-Shift-7", run: (on) => act(on, "numbers") },
          { key: "Mod-Shift-8", run: (on) => act(on, "list") },
          { key: "Mod-Alt-2", run: (on) => act(on, "heading") },
          { key: "Tab", run: (on) => toCell(on, 1), shift: (on) => toCell(on, -1) },
          { key: "Mod-k", run: (on) => openDialog("link", on), preventDefault: true },
          ...markdownKeymap,
          ...defaultKeymap,
          ...historyKeymap,
        ]),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) changed();
        }),
        fromElsewhere(),
      ],
    }),
  });
  whateverIsTyped(view);
  body.before(view.dom);
  body.hidden = true;
  // The textarea still is what the form sends; it is filled when it is asked for, not at each keystroke.
  form.addEventListener("formdata", (event) => event.formData.set("body", view.state.doc.toString()));
  window.addEventListener("pagehide", () => {
    body.value = view.state.doc.toString();
  });
  form.addEventListener("input", (event) => {
    if (event.target instanceof HTMLElement && !view.dom.contains(event.target)) changed();
  });
  form.addEventListener("keydown", (event) => whileComposing(event), true);
  const title = form.querySelector<HTMLInputElement>("input[name=title]");
  title?.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    view.focus();
  });
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "s" && !event.defaultPrevented) {
      event.preventDefault();
      press(form);
    }
  });
  for (const link of document.querySelectorAll<HTMLAnchorElement>('a[href="#f-body"]')) {
    link.addEventListener("click", () => view.focus());
  }
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-line]") : null;
    if (!link) return;
    event.preventDefault();
    const line = view.state.doc.line(Math.min(Number(link.dataset.line), view.state.doc.lines));
    view.dispatch({ selection: { anchor: line.from }, effects: EditorView.scrollIntoView(line.from, { y: "center" }) });
    view.focus();
  });
  return { view, onChange: (told) => listeners.push(told) };
}

/** Enter that settles a word being composed is the input method's, never the form's: Safari sends it all the same. */
export function whileComposing(event: KeyboardEvent): void {
  const inField = event.target instanceof HTMLInputElement;
  if (inField && event.key === "Enter" && (event.isComposing || event.keyCode === 229)) event.preventDefault();
}

function press(form: HTMLFormElement): boolean {
  form.querySelector<HTMLButtonElement>("[data-editor-save]")?.click();
  return true;
}
