/** What office programs mean, out of what they write: lists that are paragraphs, bold that is a style, wrapped lines. */
const JUNK = "style,script,meta,link,title,xml,template,iframe,object,noscript,svg,input,button,select";
const CJK = "\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}ー、。・「」『』（）！？：；";
const WRAPPED = new RegExp(`([${CJK}])[ \\t]*\\r?\\n\\s*(?=[${CJK}])`, "gu");
const NUMBERED = /^\s*[(（]?(?:[\d０-９]+|[a-zA-Zａ-ｚ]|[ivxIVX]+|[①-⑳])\s*[.)）．、]?/;

/**
 * The HTML as a document of its own. It lives under the policy of this page, which takes no inline style and would
 * complain of each: styles are kept as data, for `styleOf` to read.
 */
export function parsed(html: string): Document {
  const plain = html
    .replace(/<style\b[^>]*>[\s\S]*?<\/style\s*>/gi, "")
    .replace(/<[a-z](?:"[^"]*"|'[^']*'|[^"'>])*>/gi, (tag) => tag.replace(/\sstyle(?=\s*=)/gi, " data-style"));
  return new DOMParser().parseFromString(plain, "text/html");
}

/** What the style attribute of an element said, by property. */
export function styleOf(element: Element): Map<string, string> {
  const said = (element.getAttribute("data-style") ?? "").split(";").map((one) => one.split(":"));
  return new Map(
    said.map(([name = "", ...value]) => [name.trim().toLowerCase(), value.join(":").trim().toLowerCase()]),
  );
}

export function tidy(page: Document): void {
  for (const junk of page.querySelectorAll(JUNK)) junk.remove();
  dropComments(page);
  joinLines(page);
  wordLists(page);
  for (const element of [...page.body.querySelectorAll("*")]) {
    if (element.nodeName.includes(":")) element.replaceWith(...element.childNodes);
    else if (element instanceof HTMLElement) styled(page, element);
  }
  for (const link of [...page.querySelectorAll("a")]) settle(link);
  for (const picture of [...page.querySelectorAll("img")]) picture.replaceWith(picture.alt);
  headings(page);
}

function dropComments(page: Document): void {
  const walker = page.createTreeWalker(page.documentElement, NodeFilter.SHOW_COMMENT);
  const found: Node[] = [];
  while (walker.nextNode()) found.push(walker.currentNode);
  for (const comment of found) comment.parentNode?.removeChild(comment);
}

/** Word breaks its HTML into lines in the middle of Japanese sentences; a browser would show a space there. */
function joinLines(page: Document): void {
  const walker = page.createTreeWalker(page.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode;
    if (text.parentElement?.closest("pre")) continue;
    text.nodeValue = (text.nodeValue ?? "").replace(WRAPPED, "$1").replaceAll("\u00a0", " ");
  }
}

/** `<p style="mso-list:l0 level2 lfo1">` with its mark as text becomes a list. */
function wordLists(page: Document): void {
  const lists: { level: number; list: HTMLElement }[] = [];
  let previous: Element | null = null;
  for (const item of [...page.body.querySelectorAll<HTMLElement>("p")]) {
    const said = item.getAttribute("data-style") ?? "";
    const level = Number(/mso-list:\s*l\d+\s+level(\d+)/i.exec(said)?.[1] ?? 0);
    if (!level) {
      lists.length = 0;
      continue;
    }
    if (item.previousElementSibling !== previous) lists.length = 0;
    const mark = [...item.querySelectorAll<HTMLElement>("span")].find((one) =>
      /mso-list:\s*ignore/i.test(one.getAttribute("data-style") ?? ""),
    );
    const kind = NUMBERED.test(mark?.textContent ?? "") ? "ol" : "ul";
    mark?.remove();
    while (lists.length && (lists.at(-1)?.level ?? 0) > level) lists.pop();
    let open = lists.at(-1);
    if (!open || open.level < level) {
      const list = page.createElement(kind);
      const inside = open?.list.lastElementChild;
      if (inside) inside.append(list);
      else item.before(list);
      open = { level, list };
      lists.push(open);
    }
    const entry = page.createElement("li");
    entry.append(...item.childNodes);
    open.list.append(entry);
    previous = lists[0]?.list ?? null;
    item.remove();
  }
}

/** Bold, italic and struck that are written as styles; and the bold around all of a Google document that means none. */
function styled(page: Document, element: HTMLElement): void {
  const style = styleOf(element);
  const weight = style.get("font-weight") ?? "";
  if (style.get("display") === "none") {
    element.remove();
    return;
  }
  if (/^(?:B|STRONG)$/.test(element.nodeName) && (weight === "normal" || weight === "400")) {
    element.replaceWith(...element.childNodes);
    return;
  }
  if (element.nodeName !== "SPAN" || !element.textContent?.trim() || element.closest("h1,h2,h3,h4,h5,h6")) return;
  const wanted: string[] = [];
  if (weight === "bold" || Number(weight) >= 600) wanted.push("strong");
  if (style.get("font-style") === "italic") wanted.push("em");
  if (/line-through/.test(`${style.get("text-decoration")} ${style.get("text-decoration-line")}`)) wanted.push("del");
  for (const name of wanted) {
    const wrapped = page.createElement(name);
    wrapped.append(...element.childNodes);
    element.append(wrapped);
  }
}

function settle(link: HTMLAnchorElement): void {
  let target = link.getAttribute("href") ?? "";
  const wrapped = /^https:\/\/www\.google\.com\/url\?(?:.*&)?q=([^&]+)/.exec(target)?.[1];
  if (wrapped) target = decodeURIComponent(wrapped);
  if (/^(?:https?:|mailto:|tel:)/i.test(target) && link.textContent?.trim()) link.setAttribute("href", target);
  else link.replaceWith(...link.childNodes);
}

/** The title of a page is a field of its own, so headings begin one level down. */
function headings(page: Document): void {
  for (const title of page.querySelectorAll("p.MsoTitle")) {
    const heading = page.createElement("h1");
    heading.append(...title.childNodes);
    title.replaceWith(heading);
  }
  if (!page.querySelector("h1")) return;
  for (let level = 5; level >= 1; level--) {
    for (const heading of [...page.querySelectorAll(`h${level}`)]) {
      const lower = page.createElement(`h${level + 1}`);
      lower.append(...heading.childNodes);
      heading.replaceWith(lower);
    }
  }
}
