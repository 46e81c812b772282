/** Rich text as Word, Excel, Google Docs and web pages put it on the clipboard, as clean markdown. */
import TurndownService from "turndown";
import { parsed, styleOf, tidy } from "./tidy";

export interface Converted {
  text: string;
  /** Whether there was anything that plain text would lose. */
  isRich: boolean;
  /** Whether it stands in paragraphs of its own, and does not go into the middle of a sentence. */
  isBlock: boolean;
  hasTable: boolean;
}

const RICH = "h1,h2,h3,h4,h5,h6,table,ul,ol,a[href],strong,b,em,i,del,s,blockquote,pre";
const BLOCK = "h1,h2,h3,h4,h5,h6,table,ul,ol,blockquote,pre,p+p,div+div";
const MOST_COLUMNS = 50;

/** Convert the HTML of a clipboard. It is parsed in a document of its own: nothing in it is loaded or run. */
export function asMarkdown(html: string): Converted {
  const page = parsed(html);
  tidy(page);
  const text = service()
    .turndown(page.body)
    .replace(/[ \t]+$/gm, "")
    .replace(/\n{3,}/g, "\n\n")
    .trim();
  return {
    text,
    isRich: text !== "" && page.body.querySelector(RICH) !== null,
    isBlock: page.body.querySelector(BLOCK) !== null,
    hasTable: page.body.querySelector("table") !== null,
  };
}

function service(): TurndownService {
  const made = new TurndownService({
    headingStyle: "atx",
    hr: "---",
    bulletListMarker: "-",
    codeBlockStyle: "fenced",
    emDelimiter: "*",
  });
  made.escape = escaped;
  made.addRule("struck", {
    filter: ["del", "s"],
    replacement: (content) => (content.trim() ? `~~${content.trim()}~~` : ""),
  });
  made.addRule("item", {
    filter: "li",
    replacement: (content, node, options) => {
      const parent = node.parentElement;
      const place = parent ? [...parent.children].indexOf(node as Element) : 0;
      const start = Number(parent?.getAttribute("start") ?? "1") || 1;
      const mark = parent?.nodeName === "OL" ? `${start + place}. ` : `${options.bulletListMarker} `;
      const inside = content.trim().replace(/\n{2,}(?=\s*(?:[-*]|\d+\.) )/g, "\n");
      return `${mark}${inside.replace(/\n/g, `\n${" ".repeat(mark.length)}`)}\n`;
    },
  });
  made.addRule("table", {
    filter: "table",
    replacement: (_content, node) => `\n\n${tableOf(node as HTMLTableElement, made)}\n\n`,
  });
  return made;
}

/** Only what would be read as markdown where it stands: a text full of backslashes is no clean text. */
function escaped(text: string): string {
  return text
    .replace(/\\(?=[!-/:-@[-`{-~])/g, "\\\\")
    .replace(/([*`])/g, "\\$1")
    .replace(/(^|[^\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, (found) => found.replace("_", "\\_"))
    .replace(/\[(?=[^\]]*\][([:])/g, "\\[")
    .replace(/^(\s*)(#{1,6}|[-+>])(?=\s|$)/gm, "$1\\$2")
    .replace(/^(\s*\d+)([.)])(?=\s)/gm, "$1\\$2")
    .replace(/^(:::)/gm, "\\$1");
}

function tableOf(table: HTMLTableElement, made: TurndownService): string {
  const rows: string[][] = [];
  const sides: string[][] = [];
  const hanging = new Map<number, number>();
  for (const row of table.rows) {
    const cells: string[] = [];
    const aligned: string[] = [];
    const fill = (): void => {
      while ((hanging.get(cells.length) ?? 0) > 0) {
        hanging.set(cells.length, (hanging.get(cells.length) ?? 0) - 1);
        cells.push("");
        aligned.push("");
      }
    };
    for (const cell of row.cells) {
      fill();
      const text = made
        .turndown(cell)
        .replace(/\s*\n\s*/g, " ")
        .replace(/(?<!\\)\|/g, "\\|")
        .trim();
      for (let step = 0; step < Math.min(cell.colSpan, MOST_COLUMNS); step++) {
        if (cell.rowSpan > 1) hanging.set(cells.length, cell.rowSpan - 1);
        cells.push(step ? "" : text);
        aligned.push(cell.align || (styleOf(cell).get("text-align") ?? ""));
      }
    }
    fill();
    if (cells.some((one) => one !== "")) {
      rows.push(cells.slice(0, MOST_COLUMNS));
      sides.push(aligned);
    }
  }
  const width = Math.max(0, ...rows.map((row) => row.length));
  if (width <= 1) return rows.map((row) => row[0] ?? "").join("\n\n");
  const line = (cells: string[]): string =>
    `| ${Array.from({ length: width }, (_, index) => cells[index] ?? "").join(" | ")} |`;
  const rule = Array.from({ length: width }, (_, index) => {
    const found = new Set(sides.slice(1).map((row) => row[index] ?? ""));
    const side = found.size === 1 ? [...found][0] : "";
    return side === "right" ? "---:" : side === "center" ? ":---:" : "---";
  });
  return [line(rows[0] ?? []), `|${rule.join("|")}|`, ...rows.slice(1).map(line)].join("\n");
}
