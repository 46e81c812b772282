/** A checklist as a path of steps: the next one stands open with its one button, the others fold. */
import { type Child, h, icon } from "./dom";
import type { Panel } from "./panel";
import type { Checklist, Guide, Step } from "./shapes";

export function steps(panel: Panel, checklist: Checklist): HTMLElement {
  return h("ol", { class: "path" }, ...checklist.steps.map((one) => step(panel, checklist, one)));
}

/** A checklist that is put aside, and the way back. */
export function aside(panel: Panel, checklist: Checklist): HTMLElement | null {
  const dismissed = checklist.dismissed;
  if (!dismissed) return null;
  const theirs = dismissed.for === "everyone";
  const again = (): void => panel.restore(checklist.key, dismissed.for);
  return h(
    "p",
    { class: "aside" },
    h("span", null, theirs ? panel.word("hiddenAll", checklist.title, dismissed.by) : checklist.title),
    dismissed.can_undo
      ? h(
          "button",
          { type: "button", class: "link", "data-at": `show/${checklist.key}`, click: again },
          panel.word("show"),
        )
      : null,
  );
}

function step(panel: Panel, checklist: Checklist, one: Step): HTMLElement {
  const place = `${checklist.key}/${one.key}`;
  const open = panel.unfolded.get(place) ?? one.look === "next";
  const id = `more-${one.key}`;
  const stone = one.look === "done" ? icon("check", 14) : one.look === "staff" ? icon("clock", 14) : String(one.number);
  return h(
    "li",
    { class: `step ${one.look}` },
    h("span", { class: "stone", "aria-hidden": "true" }, stone),
    h(
      "div",
      { class: "step-body" },
      h(
        "h3",
        null,
        h(
          "button",
          {
            type: "button",
            class: "step-head",
            "aria-expanded": String(open),
            "aria-controls": id,
            "data-at": `step/${place}`,
            click: () => panel.fold(place, !open),
          },
          h("span", null, h("span", { class: "step-title" }, one.title), h("span", { class: "unseen" }, one.word)),
          icon("down", 16),
        ),
      ),
      one.tag || one.note
        ? h("p", { class: "facts" }, one.tag ? h("span", { class: `tag ${one.tone}` }, one.tag) : null, one.note)
        : null,
      h("div", { class: "more", id, hidden: !open }, ...(open ? inside(panel, checklist, one) : [])),
    ),
  );
}

function inside(panel: Panel, checklist: Checklist, one: Step): Child[] {
  return [
    one.text ? h("p", null, one.text) : null,
    ...one.remarks.map((text) => h("p", { class: "soft" }, text)),
    ...one.counts.map((count) =>
      h(
        "div",
        { class: "count" },
        h("progress", { max: count.total, value: count.done, "aria-label": count.text }),
        h("span", null, count.text),
      ),
    ),
    h("div", { class: "acts" }, ...acts(panel, checklist, one)),
  ];
}

function acts(panel: Panel, checklist: Checklist, one: Step): Child[] {
  const place = `${checklist.key}/${one.key}`;
  const busy = panel.busy === one.key;
  const button = (at: string, label: string, kind: string, act: () => void): HTMLElement =>
    h(
      "button",
      { type: "button", class: `button ${kind}`, "data-at": `${at}/${place}`, "aria-disabled": busy, click: act },
      label,
    );
  const open = !one.done && one.look !== "staff";
  const host = open && panel.hasHost;
  const way = open && !host && one.url ? address(panel, one.url, place) : null;
  return [
    host ? button("go", panel.word("start"), "main", () => panel.begin(checklist, one)) : null,
    way,
    one.can_tick
      ? button("tick", panel.word(one.own ? "tickOwn" : "tick"), host || way ? "" : "main", () =>
          panel.tick(checklist, one.key, true),
        )
      : null,
    one.guide ? guide(panel, one.guide, place, open && !host && !way && !one.can_tick) : null,
    one.can_undo ? button("undo", panel.word("undo"), "", () => panel.tick(checklist, one.key, false)) : null,
  ];
}

/** To where the step is done: within the product in this tab, as its own links do, and elsewhere in another. */
function address(panel: Panel, url: string, place: string): HTMLElement | null {
  if (!/^https?:\/\//i.test(url)) return null;
  const elsewhere = new URL(url).origin !== location.origin;
  const props = { class: "button main", href: url, "data-at": `way/${place}` };
  if (!elsewhere) return h("a", props, panel.word("start"));
  const word = h("span", { class: "unseen" }, panel.word("newTab"));
  return h("a", { ...props, target: "_blank", rel: "noopener" }, panel.word("start"), icon("out", 16), word);
}

function guide(panel: Panel, found: Guide, place: string, main: boolean): HTMLElement {
  const props = { class: main ? "button main" : "button", "data-at": `guide/${place}` };
  const about = h("span", { class: "about" }, found.title);
  if (found.kind === "document") {
    const read = (): void => panel.read(found.key);
    const label = `${panel.word("read")}: ${found.title}`;
    return h(
      "span",
      { class: "guide" },
      h("button", { ...props, type: "button", "aria-label": label, click: read }, panel.word("read")),
      about,
    );
  }
  const go = (event: Event): void => panel.leave(event, found.url);
  const link = h(
    "a",
    { ...props, href: found.url, target: "_blank", rel: "noopener", click: go },
    panel.word(found.kind === "tutorial" ? "tutorial" : "watch"),
    icon("out", 16),
    h("span", { class: "unseen" }, panel.word("newTab")),
  );
  return h("span", { class: "guide" }, link, about);
}
