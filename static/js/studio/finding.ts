/** Find and replace within one text: the browser's own search sees only the lines that are on the screen. */
import { closeSearchPanel, findNext, findPrevious, openSearchPanel, search } from "@codemirror/search";
import { EditorState, type Extension } from "@codemirror/state";
import { EditorView, keymap } from "@codemirror/view";

/** `phrases` are the words of the panel in the reader's language, as JSON, by what CodeMirror calls them. */
export function finding(phrases: string | undefined): Extension {
  return [
    search({ top: true, scrollToMatch: (range) => EditorView.scrollIntoView(range, { y: "center" }) }),
    EditorState.phrases.of(JSON.parse(phrases ?? "{}")),
    keymap.of([
      { key: "Mod-f", run: openSearchPanel, scope: "editor search-panel", preventDefault: true },
      { key: "F3", run: findNext, shift: findPrevious, scope: "editor search-panel", preventDefault: true },
      { key: "Mod-g", run: findNext, shift: findPrevious, scope: "editor search-panel", preventDefault: true },
      { key: "Escape", run: closeSearchPanel, scope: "editor search-panel" },
    ]),
  ];
}

/** The panel asks its field at each key; what is pasted or spoken into it counts too. */
export function whateverIsTyped(view: EditorView): void {
  view.dom.addEventListener("input", (event) => {
    const field = event.target;
    if (field instanceof HTMLInputElement && field.closest(".cm-search")) field.dispatchEvent(new Event("change"));
  });
}
