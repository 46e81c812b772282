/** The preview shows the part that is being written: heading by heading, and in proportion between two of them. */
import type { EditorView } from "@codemirror/view";

type Anchor = [inText: number, inPreview: number];

/** Keep `read` where `view` is; what it gives brings it there at once. */
export function followScrolling(view: EditorView, read: HTMLElement): () => void {
  const follow = (): void => {
    const at = view.scrollDOM.scrollTop;
    const anchors = anchorsOf(view, read);
    const next = anchors.findIndex(([top]) => top > at);
    const [from, to] = [anchors[Math.max(next, 1) - 1], anchors[next < 1 ? anchors.length - 1 : next]];
    if (!from || !to) return;
    const part = to[0] > from[0] ? Math.min(1, (at - from[0]) / (to[0] - from[0])) : 0;
    read.scrollTop = from[1] + part * (to[1] - from[1]);
  };
  let asked = false;
  view.scrollDOM.addEventListener(
    "scroll",
    () => {
      if (asked) return;
      asked = true;
      requestAnimationFrame(() => {
        asked = false;
        follow();
      });
    },
    { passive: true },
  );
  return follow;
}

/** Beginning and end, and the headings where both have as many. */
function anchorsOf(view: EditorView, read: HTMLElement): Anchor[] {
  const end: Anchor = [
    view.scrollDOM.scrollHeight - view.scrollDOM.clientHeight,
    read.scrollHeight - read.clientHeight,
  ];
  const lines = headingLines(view);
  const shown = [...read.querySelectorAll<HTMLElement>("#sight :is(h2, h3, h4, h5, h6)[id]")];
  const zero = read.getBoundingClientRect().top - read.scrollTop;
  const headings: Anchor[] =
    lines.length === shown.length
      ? lines.map((from, index) => [
          view.lineBlockAt(from).top,
          (shown[index]?.getBoundingClientRect().top ?? zero) - zero,
        ])
      : [];
  return [[0, 0], ...headings.filter(([inText, inPreview]) => inText < end[0] && inPreview < end[1]), end];
}

/** Where the lines of headings begin; what stands in a block of code is none. */
function headingLines(view: EditorView): number[] {
  const found: number[] = [];
  let fence = "";
  for (let number = 1; number <= view.state.doc.lines; number++) {
    const line = view.state.doc.line(number);
    const mark = /^ {0,3}(`{3,}|~{3,})/.exec(line.text)?.[1] ?? "";
    if (!fence && mark) fence = mark;
    else if (fence && mark.startsWith(fence)) fence = "";
    else if (!fence && /^ {0,3}#{1,6}[ \t]/.test(line.text)) found.push(line.from);
  }
  return found;
}
