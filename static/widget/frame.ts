/** What stands in the panel: its head, the body of the view, and the foot with search and the way to the portal. */
import { aside, steps } from "./checklist";
import { type Child, h, icon, ring } from "./dom";
import type { Panel } from "./panel";
import { article, results } from "./reader";
import type { Checklist } from "./shapes";
import type { Word } from "./words";

/** What the panel is called, in its heading and to those who only hear it. */
export function titleOf(panel: Panel, checklist: Checklist | undefined): string {
  const { view } = panel;
  if (view.at === "document") return view.doc?.title ?? "…";
  return (view.at === "home" && checklist?.title) || panel.word("help");
}

export function frame(
  panel: Panel,
  checklist: Checklist | undefined,
  others: Checklist[],
  hidden: Checklist[],
): Node[] {
  const { view } = panel;
  const home = view.at === "home";
  const title = titleOf(panel, checklist);
  const parts: Child[] = home
    ? [
        panel.party && panel.party === checklist?.key ? celebration(panel) : null,
        checklist ? steps(panel, checklist) : hidden.length ? null : h("p", { class: "soft" }, panel.word("empty")),
        ...others.map((one) => other(panel, one)),
        ...hidden.map((one) => aside(panel, one)),
      ]
    : view.at === "search"
      ? [results(panel)]
      : [article(panel, view.doc)];
  const place: Child[] = [
    h(
      "div",
      { class: "head" },
      home ? null : tool("back", panel.word("back"), () => panel.go({ at: "home" })),
      home && checklist ? ring(checklist.done, checklist.total, 44) : null,
      h(
        "div",
        { class: "titles" },
        h(
          "h2",
          { tabindex: -1, "data-at": "title", lang: view.at === "document" ? (view.doc?.lang ?? null) : null },
          title,
        ),
        home && checklist ? h("p", { class: "due" }, checklist.progress) : null,
        home && checklist?.due ? h("p", { class: checklist.is_overdue ? "due late" : "due" }, checklist.due) : null,
      ),
      home && checklist ? menu(panel, checklist) : null,
      panel.embedded ? null : tool("close", panel.word("close"), () => panel.close()),
    ),
    panel.offline ? h("p", { class: "note" }, panel.word("offline")) : null,
    panel.trouble ? h("p", { class: "note bad" }, panel.trouble) : null,
    panel.putAside && !panel.busy && !panel.trouble ? undoAside(panel) : null,
    h("div", { class: "body" }, ...parts),
    h("div", { class: "foot" }, view.at === "document" ? null : searchBox(panel), portalLink(panel)),
  ];
  return place.filter((one): one is Node => one instanceof Node);
}

function celebration(panel: Panel): HTMLElement {
  const bits = Array.from({ length: 12 }, () => h("i"));
  return h(
    "div",
    { class: "party" },
    h("div", { class: "bits", "aria-hidden": "true" }, ...bits),
    h("p", null, panel.word("done")),
  );
}

function other(panel: Panel, checklist: Checklist): HTMLElement {
  const choose = (): void => {
    panel.chosen = checklist.key;
    panel.go({ at: "home" });
  };
  return h(
    "button",
    { type: "button", class: "other", "data-at": `other/${checklist.key}`, click: choose },
    ring(checklist.done, checklist.total, 24),
    h("span", null, checklist.title),
    h("span", { class: "soft" }, checklist.progress),
  );
}

function menu(panel: Panel, checklist: Checklist): HTMLElement {
  const item = (word: Word, act: () => void): HTMLElement =>
    h("button", { type: "button", class: "item", "data-at": `menu/${word}`, click: act }, panel.word(word));
  return h(
    "details",
    { class: "menu" },
    h("summary", { class: "tool", "aria-label": panel.word("more"), "data-at": "menu" }, icon("more")),
    h(
      "div",
      { class: "items" },
      item("later", () => panel.dismiss(checklist, "me", 3)),
      item("hide", () => panel.dismiss(checklist, "me")),
      panel.state.member.is_admin ? item("hideAll", () => panel.dismiss(checklist, "everyone")) : null,
    ),
  );
}

function undoAside(panel: Panel): HTMLElement | null {
  const put = panel.putAside;
  if (!put || !panel.state.checklists.some((one) => one.key === put.checklist.key && one.dismissed)) return null;
  const undo = (): void => panel.restore(put.checklist.key, put.whom);
  return h(
    "p",
    { class: "note" },
    panel.word("hidden", put.checklist.title),
    h("button", { type: "button", class: "link", "data-at": "undo-aside", click: undo }, panel.word("undo")),
  );
}

function searchBox(panel: Panel): HTMLElement {
  let waiting: ReturnType<typeof setTimeout> | undefined;
  const input = h("input", {
    type: "search",
    class: "search",
    "data-at": "search",
    "aria-label": panel.word("search"),
    placeholder: panel.word("search"),
    maxlength: 200,
    autocomplete: "off",
    input: (event) => {
      clearTimeout(waiting);
      if ((event as InputEvent).isComposing) return;
      waiting = setTimeout(() => ask(), 200);
    },
    compositionend: () => ask(),
  }) as HTMLInputElement;
  input.value = panel.view.at === "search" ? panel.query : "";
  const submit = (event: Event): void => {
    event.preventDefault();
    ask();
  };
  const ask = (): void => {
    if (panel.view.at !== "search") {
      panel.found = undefined;
      panel.query = input.value;
      panel.view = { at: "search" };
      panel.draw();
    }
    panel.look(input.value);
  };
  return h("form", { class: "box", role: "search", submit }, icon("search", 18), input);
}

function portalLink(panel: Panel): HTMLElement {
  const { portal } = panel.state;
  const doc = panel.view.at === "document" ? panel.view.doc : undefined;
  const address = doc?.url ?? portal.url;
  return h(
    "a",
    {
      class: "out",
      href: address,
      target: "_blank",
      rel: "noopener",
      "data-at": "portal",
      click: (event) => panel.leave(event, address),
    },
    doc ? panel.word("inPortal") : panel.word("portal", portal.name),
    icon("out", 16),
    h("span", { class: "unseen" }, panel.word("newTab")),
  );
}

function tool(name: "back" | "close", label: string, act: () => void): HTMLElement {
  return h("button", { type: "button", class: "tool", "aria-label": label, "data-at": name, click: act }, icon(name));
}
