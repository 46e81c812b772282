/**
 * Building nodes, and nothing but nodes: no markup is ever parsed, so a page that enforces Trusted Types has nothing to
 * refuse. Attributes that could run something cannot be set here.
 */
import type { Branch } from "./shapes";

export type Child = Node | string | null | undefined | false;
type Props = Record<string, string | number | boolean | null | undefined | ((event: Event) => void)>;

/** An element: functions are listeners of the event they are named for, `true` is an empty attribute. */
export function h(tag: string, props?: Props | null, ...children: Child[]): HTMLElement {
  const node = document.createElement(tag);
  if (props) set(node, props);
  for (const child of children) if (child || child === "") node.append(child);
  return node;
}

function set(node: Element, props: Props): void {
  for (const name of Object.keys(props)) {
    const value = props[name];
    if (typeof value === "function") node.addEventListener(name, value);
    else if (value != null && value !== false) node.setAttribute(name, value === true ? "" : String(value));
  }
}

function drawn(tag: string, props: Props, ...children: Node[]): Element {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  set(node, props);
  node.append(...children);
  return node;
}

const ICONS = {
  check: "M5 12.5 10 17.5 19.5 7",
  close: "M6.500 6.500l11 11M17.500 6.500l-11 11",
  back: "M14.500 5.500 8 12l6.500 6.500",
  more: "M5.500 12h.01M12 12h.01M18.500 12h.01",
  down: "M5.500 9.500 12 16l6.500-6.500",
  search: "M10.500 17a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13M15.500 15.500 20 20",
  out: "M13 5h6v6M19 5l-8.500 8.500M10 6H5.500v12.500H18V14",
  clock: "M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16M12 7.500V12l3 2",
  help: "M9.300 9.200a2.800 2.800 0 1 1 4 2.600c-.9.400-1.300 1-1.300 1.900M12 16.800v.1M12 20.500a8.500 8.500 0 1 0 0-17 8.500 8.500 0 0 0 0 17",
};

/** An icon of one stroke weight; beside words it says nothing to a screen reader. */
export function icon(name: keyof typeof ICONS, size = 20): Element {
  return drawn(
    "svg",
    { class: "icon", width: size, height: size, viewBox: "0 0 24 24", "aria-hidden": "true" },
    drawn("path", { d: ICONS[name] }),
  );
}

/** How far it has come, as a ring; the words beside it say the same. */
export function ring(done: number, total: number, size: number): Element {
  const length = 2 * Math.PI * 15;
  const part = total ? (length * done) / total : 0;
  const circle = { cx: 18, cy: 18, r: 15 };
  const parts = [
    drawn("circle", { ...circle, class: "ring-track" }),
    drawn("circle", { ...circle, class: part ? "ring-bar" : "ring-none", "stroke-dasharray": `${part} ${length}` }),
  ];
  if (total && done === total)
    parts.push(drawn("path", { class: "ring-check", d: "M11.500 18.500 16 23l8.500-9.500" }));
  return drawn(
    "svg",
    { class: "ring", width: size, height: size, viewBox: "0 0 36 36", "aria-hidden": "true" },
    ...parts,
  );
}

const TAGS =
  /^(a|aside|blockquote|br|code|dd|del|div|dl|dt|em|figcaption|figure|h[2-6]|hr|img|li|ol|p|pre|s|section|span|strong|sup|table|tbody|td|th|thead|tr|ul)$/;
const ATTRIBUTES = /^(href|src|alt|class|start|scope|id)$/;

/** The nodes of a document. Addresses are the portal's; `follow` hears of every link. */
export function grow(branches: Branch[], base: string, follow: (event: Event, href: string) => void): Node[] {
  const nodes: Node[] = [];
  for (const branch of branches) {
    if (typeof branch === "string") {
      nodes.push(document.createTextNode(branch));
      continue;
    }
    const tag = branch[0];
    if (!TAGS.test(tag)) continue;
    // The panel's own heading stands above those of the document.
    const node = document.createElement(tag.replace(/^h([2-5])$/, (_, level) => `h${Number(level) + 1}`));
    const second = branch[1];
    const told = second && typeof second === "object" && !Array.isArray(second) ? second : null;
    if (told) dress(node, tag, told, base, follow);
    node.append(...grow(branch.slice(told ? 2 : 1) as Branch[], base, follow));
    nodes.push(node);
  }
  return nodes;
}

function dress(
  node: HTMLElement,
  tag: string,
  told: Record<string, string>,
  base: string,
  follow: (event: Event, href: string) => void,
): void {
  for (const name of Object.keys(told)) {
    const value = told[name] ?? "";
    if (!ATTRIBUTES.test(name)) continue;
    if (name !== "href" && name !== "src") {
      node.setAttribute(name, value);
      continue;
    }
    if (value[0] === "#") {
      node.setAttribute(name, value);
    } else {
      const address = new URL(value, base);
      if (!/^(https?|mailto|tel):$/.test(address.protocol)) continue;
      node.setAttribute(name, address.href);
      if (tag === "a") {
        node.setAttribute("target", "_blank");
        node.setAttribute("rel", "noopener");
      }
    }
    if (tag === "a") node.addEventListener("click", (event) => follow(event, value));
  }
}
