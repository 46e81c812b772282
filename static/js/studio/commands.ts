/** What the toolbar and the keys do to the text: small edits at the selection, each undone in one step. */
import type { ChangeSpec } from "@codemirror/state";
import { EditorSelection } from "@codemirror/state";
import type { EditorView } from "@codemirror/view";

const MARKS: Record<string, string> = { bold: "**", italic: "*", code: "`" };
const PREFIX = /^(\s*)(?:[-*+] |\d+[.)] |#{1,6} )?/;

/** Do `name` where the cursor is; whether there is such an act. */
export function act(view: EditorView, name: string): boolean {
  const mark = MARKS[name];
  if (name === "code" && selected(view).includes("\n")) insertBlock(view, `\`\`\`\n${selected(view)}\n\`\`\``, 4);
  else if (mark) wrap(view, mark);
  else if (name === "list") prefix(view, () => "- ");
  else if (name === "numbers") prefix(view, (index) => `${index + 1}. `);
  else if (name === "heading") heading(view);
  else if (name === "steps") insertBlock(view, ":::steps\n1. \n2. \n:::", ":::steps\n1. ".length);
  else return false;
  view.focus();
  return true;
}

export function selected(view: EditorView): string {
  const { from, to } = view.state.selection.main;
  return view.state.sliceDoc(from, to);
}

/** Put `text` in the place of the selection; the cursor goes after it, or `at` characters into it. */
export function insert(view: EditorView, text: string, at = text.length): void {
  const { from, to } = view.state.selection.main;
  view.dispatch({
    changes: { from, to, insert: text },
    selection: EditorSelection.cursor(from + at),
    scrollIntoView: true,
    userEvent: "input.insert",
  });
  view.focus();
}

/** The same, with an empty line before and after where there is none. */
export function insertBlock(view: EditorView, text: string, at = text.length): void {
  const { from, to } = view.state.selection.main;
  const before = view.state.sliceDoc(Math.max(0, from - 2), from);
  const after = view.state.sliceDoc(to, to + 2);
  const lead = from === 0 || before === "\n\n" ? "" : before.endsWith("\n") ? "\n" : "\n\n";
  const tail = after === "\n\n" ? "" : after.startsWith("\n") || after === "" ? "\n" : "\n\n";
  insert(view, `${lead}${text}${tail}`, lead.length + at);
}

function wrap(view: EditorView, mark: string): void {
  const changes = view.state.changeByRange((range) => {
    const { from, to } = range;
    const outside = view.state.sliceDoc(Math.max(0, from - mark.length), from) === mark;
    if (outside && view.state.sliceDoc(to, to + mark.length) === mark) {
      return {
        changes: [
          { from: from - mark.length, to: from },
          { from: to, to: to + mark.length },
        ],
        range: EditorSelection.range(from - mark.length, to - mark.length),
      };
    }
    return {
      changes: [
        { from, insert: mark },
        { from: to, insert: mark },
      ],
      range: EditorSelection.range(from + mark.length, to + mark.length),
    };
  });
  view.dispatch(changes, { userEvent: "input.format" });
}

/** Begin each line of the selection with what `mark` says for it; where all begin so already, take it away. */
function prefix(view: EditorView, mark: (index: number) => string): void {
  const { from, to } = view.state.selection.main;
  const first = view.state.doc.lineAt(from).number;
  const last = view.state.doc.lineAt(to).number;
  const lines = Array.from({ length: last - first + 1 }, (_, index) => view.state.doc.line(first + index));
  const begun = lines.every((line, index) => line.text.trimStart().startsWith(mark(index)));
  const changes: ChangeSpec[] = lines.map((line, index) => {
    const found = PREFIX.exec(line.text);
    const indent = found?.[1]?.length ?? 0;
    return { from: line.from + indent, to: line.from + (found?.[0].length ?? 0), insert: begun ? "" : mark(index) };
  });
  view.dispatch({ changes, userEvent: "input.format", scrollIntoView: true });
}

/** No heading → a large one → a smaller one → none. */
function heading(view: EditorView): void {
  const line = view.state.doc.lineAt(view.state.selection.main.head);
  const marks = /^#{1,6} /.exec(line.text)?.[0] ?? "";
  const next = marks === "" ? "## " : marks.length <= 3 ? "### " : "";
  view.dispatch({
    changes: { from: line.from, to: line.from + marks.length, insert: next },
    userEvent: "input.format",
  });
}
