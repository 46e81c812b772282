/** Help in place: what a search found, and a document to read. */
import { grow, h } from "./dom";
import type { Panel } from "./panel";
import type { Doc } from "./shapes";

export function results(panel: Panel): HTMLElement {
  const found = panel.found;
  if (!found) return h("p", { class: "soft" }, "…");
  if (!found.length) return h("p", { class: "soft" }, panel.word("none"));
  return h(
    "ul",
    { class: "found" },
    ...found.map((one) =>
      h(
        "li",
        null,
        h(
          "button",
          { type: "button", class: "hit", "data-at": `hit/${one.key}`, click: () => panel.read(one.key) },
          h("span", null, one.title),
          h("span", { class: "soft" }, one.shelf),
        ),
      ),
    ),
  );
}

export function article(panel: Panel, doc: Doc | undefined): HTMLElement {
  if (!doc) return h("p", { class: "soft" }, "…");
  const follow = (event: Event, href: string): void => {
    const inside = /^\/manuals\/([a-z0-9][a-z0-9_-]*)/.exec(href);
    if (inside?.[1]) {
      event.preventDefault();
      panel.read(inside[1]);
    } else if (href[0] === "#") {
      event.preventDefault();
      const root = (event.currentTarget as Element).getRootNode() as ShadowRoot;
      root.getElementById(decodeURIComponent(href.slice(1)))?.scrollIntoView({ block: "start" });
    } else if (href[0] === "/") panel.leave(event, panel.portal + href);
  };
  return h("div", { class: "prose", lang: doc.lang }, ...grow(doc.body, panel.portal, follow));
}
