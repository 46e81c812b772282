/** Tab goes from cell to cell of a table, as in a spreadsheet; behind the last one it leaves the editor as everywhere. */
import { EditorSelection } from "@codemirror/state";
import type { EditorView } from "@codemirror/view";

const RULE = /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;

/** Select what is in the next cell (`step` 1) or the one before (-1); whether there is one. */
export function toCell(view: EditorView, step: 1 | -1): boolean {
  const { head } = view.state.selection.main;
  const cells = cellsAround(view, head);
  const here = cells.findIndex((cell) => cell.from <= head && head <= cell.to);
  const next = cells[here + step];
  if (here < 0 || !next) return false;
  const text = view.state.sliceDoc(next.from, next.to);
  const from = next.from + (text.trim() ? text.length - text.trimStart().length : Math.min(1, text.length));
  view.dispatch({
    selection: EditorSelection.range(from, from + text.trim().length),
    scrollIntoView: true,
    userEvent: "select",
  });
  return true;
}

/** The cells of the table that `at` is in, in reading order, without the line of dashes; none where it is in none. */
function cellsAround(view: EditorView, at: number): { from: number; to: number }[] {
  const { doc } = view.state;
  const isRow = (number: number): boolean =>
    number >= 1 && number <= doc.lines && doc.line(number).text.trimStart().startsWith("|");
  let first = doc.lineAt(at).number;
  if (!isRow(first)) return [];
  while (isRow(first - 1)) first--;
  const cells: { from: number; to: number }[] = [];
  for (let number = first; isRow(number); number++) {
    const line = doc.line(number);
    if (RULE.test(line.text)) continue;
    const bars = [...line.text.matchAll(/(?<!\\)\|/g)].map((found) => line.from + found.index);
    for (const [index, bar] of bars.slice(0, -1).entries()) cells.push({ from: bar + 1, to: bars[index + 1] ?? bar });
  }
  return cells;
}
