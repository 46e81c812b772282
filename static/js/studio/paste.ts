/** What is pasted or dropped from elsewhere: rich text becomes markdown, files go to whoever takes them. */
import type { Extension } from "@codemirror/state";
import { EditorSelection } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { insert, insertBlock } from "./commands";
import { asMarkdown } from "./markdown";
import { pictures } from "./pictures";

export function fromElsewhere(): Extension {
  return EditorView.domEventHandlers({
    paste: (event, view) => taken(view, event.clipboardData),
    drop: (event, view) => {
      const data = event.dataTransfer;
      // What is dragged within the editor is moved by the editor.
      if (!data || (!data.files.length && !data.types.includes("text/html"))) return false;
      const at = view.posAtCoords({ x: event.clientX, y: event.clientY });
      const before = view.state.selection;
      if (at !== null) view.dispatch({ selection: EditorSelection.cursor(at) });
      if (taken(view, data)) {
        event.preventDefault();
        return true;
      }
      view.dispatch({ selection: before });
      return false;
    },
  });
}

function taken(view: EditorView, data: DataTransfer | null): boolean {
  if (!data) return false;
  const html = data.getData("text/html");
  const found = html ? asMarkdown(html) : null;
  const images = [...data.files].filter((file) => file.type.startsWith("image/"));
  // Excel puts a picture of the cells beside them; the cells are what was meant.
  if (found?.hasTable || !images.length || !pictures.take) {
    if (!found?.isRich) return false;
    if (found.isBlock) insertBlock(view, found.text);
    else insert(view, found.text);
    return true;
  }
  void pictures.take(images).then((texts) => {
    // What is typed next says what a picture shows, for those who cannot see it.
    const asks = texts.length === 1 && texts[0]?.startsWith("![](");
    for (const text of texts) insertBlock(view, text, asks ? 2 : undefined);
  });
  return true;
}
