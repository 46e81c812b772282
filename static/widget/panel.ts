/**
 * The launcher and its panel: opened and closed, kept where the reader left them, and told to whoever listens.
 *
 * The panel is not modal: the product goes on beside it. It lies in the browser's top layer, so no `z-index` of the page
 * is above it and it needs none. What is drawn inside comes from `frame.ts`, `checklist.ts` and `reader.ts`.
 */
import type { BansoPlace } from "./api";
import type { Client } from "./client";
import { h, icon, ring } from "./dom";
import type { Around } from "./element";
import { frame, titleOf } from "./frame";
import type { Checklist, Doc, Found, State, Step } from "./shapes";
import { say, type Word } from "./words";

const KEPT = "banso:open";
const DAY = 86_400_000;

export type View = { at: "home" } | { at: "search" } | { at: "document"; key: string; doc?: Doc };

export class Panel {
  readonly client: Client;
  state!: State;
  view: View = { at: "home" };
  /** The steps that stand open, besides the next one; and those closed by hand. */
  readonly unfolded = new Map<string, boolean>();
  found: Found[] | undefined;
  query = "";
  busy = "";
  #around: Around;
  embedded: boolean;
  #launcher: HTMLElement;
  #panel: HTMLElement;
  #live: HTMLElement;
  chosen = "";
  #open = false;
  offline = false;
  trouble = "";
  putAside: { checklist: Checklist; whom: "me" | "everyone" } | undefined;
  party = "";
  #drawn = "";

  constructor(root: ShadowRoot, around: Around, embedded: boolean) {
    this.client = around.client;
    this.#around = around;
    this.embedded = embedded;
    this.#launcher = h("button", {
      type: "button",
      class: "launcher",
      "aria-haspopup": "dialog",
      click: () => this.toggle(),
    });
    this.#panel = h("section", {
      class: "panel",
      tabindex: -1,
      role: embedded ? "region" : "dialog",
      keydown: this.#key,
    });
    this.#live = h("p", { class: "unseen", role: "status" });
    if (embedded) {
      this.#panel.classList.add("embedded");
      this.#open = true;
      root.append(this.#panel, this.#live);
    } else {
      this.#layer(this.#launcher, true);
      this.#panel.hidden = true;
      root.append(this.#launcher, this.#panel, this.#live);
      this.#open = kept();
    }
  }

  destroy(): void {
    this.#panel.remove();
    this.#launcher.remove();
    this.#live.remove();
  }

  word(word: Word, first = "", second = ""): string {
    return say(this.state.locale, word, first, second);
  }

  get portal(): string {
    return this.state.portal.url;
  }

  // --- what the host and the portal say -------------------------------------------------------------------------------

  show(state: State): void {
    this.state = state;
    this.draw();
  }

  reachable(yes: boolean): void {
    if (this.offline !== yes) return;
    this.offline = !yes;
    if (this.state) this.draw();
  }

  ticked(checklist: Checklist, title: string): void {
    this.#say(this.word("ticked", title, checklist.progress));
  }

  celebrate(checklist: Checklist): void {
    this.party = checklist.key;
    this.chosen = checklist.key;
    this.#say(`${checklist.title}: ${this.word("done")}`);
    this.draw();
  }

  open(place?: BansoPlace): void {
    this.#set(true);
    if (place?.document) this.read(place.document);
    else if (place?.search !== undefined) this.search(place.search);
    else this.go({ at: "home" });
  }

  close(): void {
    if (!this.embedded) this.#set(false);
  }

  toggle(): void {
    this.#set(!this.#open);
  }

  // --- what the reader does -------------------------------------------------------------------------------------------

  go(view: View): void {
    this.view = view;
    this.trouble = "";
    this.draw();
    this.#panel.querySelector<HTMLElement>(view.at === "search" ? "input" : "h2")?.focus();
  }

  fold(place: string, open: boolean): void {
    this.unfolded.set(place, open);
    this.draw();
  }

  /** Do what `act` does, with its button waiting; a failure is said in words and nothing is lost. */
  async try(name: string, act: () => Promise<unknown>): Promise<void> {
    if (this.busy) return;
    this.busy = name;
    this.trouble = "";
    this.draw();
    try {
      await act();
    } catch {
      this.trouble = this.word("failed");
      this.#say(this.trouble);
    } finally {
      this.busy = "";
      this.draw();
    }
  }

  tick(checklist: Checklist, step: string, done: boolean): void {
    const path = `/steps/${encodeURIComponent(checklist.key)}/${encodeURIComponent(step)}/completion`;
    this.unfolded.set(`${checklist.key}/${step}`, true);
    void this.try(step, () => this.client.act(done ? "POST" : "DELETE", path));
  }

  begin(checklist: Checklist, step: Step): void {
    try {
      const told = {
        checklist: checklist.key,
        step: step.key,
        title: step.title,
        ...(step.url ? { url: step.url } : {}),
      };
      if (this.#around.onStep(told) === true) this.close();
    } catch (error) {
      this.#around.complain(error);
    }
  }

  get hasHost(): boolean {
    return !!this.#around.options().onStep;
  }

  dismiss(checklist: Checklist, whom: "me" | "everyone", days?: number): void {
    this.putAside = { checklist, whom };
    const until = days ? { until: new Date(Date.now() + days * DAY) } : {};
    void this.try("dismiss", () =>
      this.client.act("POST", "/dismissals", { checklist: checklist.key, for: whom, ...until }),
    );
  }

  restore(key: string, whom: "me" | "everyone"): void {
    this.putAside = undefined;
    this.chosen = key;
    void this.try("dismiss", () => this.client.act("DELETE", `/dismissals/${encodeURIComponent(key)}?for=${whom}`));
  }

  search(query: string): void {
    this.query = query;
    this.found = undefined;
    this.go({ at: "search" });
    this.look(query);
  }

  look(query: string): void {
    this.query = query;
    void this.client
      .get<{ results: Found[] }>(`/documents?q=${encodeURIComponent(query.slice(0, 200))}`)
      .then(({ results }) => {
        if (this.query !== query || this.view.at !== "search") return;
        this.found = results;
        this.draw();
        this.#say(results.length ? "" : this.word("none"));
      })
      .catch(() => undefined);
  }

  read(key: string): void {
    this.go({ at: "document", key });
    void this.try("read", async () => {
      const doc = await this.client.get<Doc>(`/documents/${encodeURIComponent(key)}`);
      if (this.view.at !== "document" || this.view.key !== key) return;
      this.view = { ...this.view, doc };
      this.draw();
      this.#panel.querySelector<HTMLElement>("h2")?.focus();
      this.#watch(doc);
    });
  }

  /** Tell once that it was read: when it was in sight for long enough, and nearly all of it. */
  #watch(doc: Doc): void {
    let [seconds, depth] = [0, 0];
    const timer = setInterval(() => {
      if (this.view.at !== "document" || this.view.doc !== doc || !this.#panel.isConnected) {
        clearInterval(timer);
        return;
      }
      const body = this.#panel.querySelector(".body");
      if (!body || !this.#open || document.visibilityState !== "visible") return;
      seconds += 1;
      const seen = (100 * (body.scrollTop + body.clientHeight)) / (body.scrollHeight || 1);
      depth = Math.min(100, Math.max(depth, Math.round(seen)));
      if (seconds < doc.read_after || depth < 80) return;
      clearInterval(timer);
      void this.client
        .call("POST", `/documents/${encodeURIComponent(doc.key)}/reading`, { seconds, depth })
        .catch(() => undefined);
    }, 1000);
  }

  /** Off to the portal, signed in: the tab is opened by the click itself, since browsers block those opened later. */
  leave(event: Event, address: string): void {
    event.preventDefault();
    const tab = window.open("about:blank", "_blank");
    const next = address.slice(this.portal.length) || "/";
    void this.client
      .call("POST", "/ticket", { next })
      .then((answer) => answer.json() as Promise<{ url: string }>)
      .then(({ url }) => url)
      .catch(() => address)
      .then((url) => {
        if (tab) {
          tab.opener = null;
          tab.location.replace(url);
        } else location.assign(url);
      });
  }

  // --- drawing --------------------------------------------------------------------------------------------------------

  /** Draw what is new. Focus, and where the reader has scrolled to, survive it. */
  draw(): void {
    if (!this.state) return;
    const { checklist, others, hidden } = this.#sorted();
    this.#drawLauncher(checklist);
    this.#panel.lang = this.state.locale;
    this.#panel.setAttribute("aria-label", titleOf(this, checklist));
    if (!this.#open) return;
    const body = frame(this, checklist, others, hidden);
    const root = this.#panel.getRootNode() as ShadowRoot;
    const focused = root.activeElement?.getAttribute("data-at");
    const caret = root.activeElement instanceof HTMLInputElement ? root.activeElement.selectionStart : null;
    const place = `${this.view.at}${this.view.at === "document" ? this.view.key : ""}`;
    const top = place === this.#drawn ? (this.#panel.querySelector(".body")?.scrollTop ?? 0) : 0;
    this.#drawn = place;
    this.#panel.replaceChildren(...body);
    const scrolled = this.#panel.querySelector(".body");
    if (scrolled) scrolled.scrollTop = top;
    if (!focused) return;
    const again = this.#panel.querySelector<HTMLElement>(`[data-at="${CSS.escape(focused)}"]`);
    again?.focus({ preventScroll: true });
    if (again instanceof HTMLInputElement && caret !== null) again.setSelectionRange(caret, caret);
    if (!again) this.#panel.focus({ preventScroll: true });
  }

  #sorted(): { checklist: Checklist | undefined; others: Checklist[]; hidden: Checklist[] } {
    const all = this.state.checklists;
    const visible = all.filter((one) => !one.dismissed);
    const checklist =
      visible.find((one) => one.key === this.chosen) ?? visible.find((one) => !one.completed_at) ?? visible[0];
    return {
      checklist,
      others: visible.filter((one) => one !== checklist),
      hidden: all.filter((one) => one.dismissed),
    };
  }

  #drawLauncher(checklist: Checklist | undefined): void {
    const open = checklist && !checklist.completed_at;
    const text = open ? this.state.theme.launcher || checklist.title : this.word("help");
    this.#launcher.replaceChildren(
      ...(open
        ? [
            ring(checklist.done, checklist.total, 26),
            h("span", null, text),
            h("b", null, `${checklist.done}/${checklist.total}`),
          ]
        : [icon("help", 22), h("span", null, text)]),
    );
    this.#launcher.setAttribute("aria-label", open ? `${text}: ${checklist.progress}` : text);
    this.#launcher.setAttribute("aria-expanded", String(this.#open));
    this.#launcher.lang = this.state.locale;
    if (!this.embedded && this.#panel.hidden === this.#open) this.#apply();
  }

  // --- open and closed ------------------------------------------------------------------------------------------------

  #set(open: boolean): void {
    if (this.embedded || this.#open === open) return;
    this.#open = open;
    keep(open);
    this.party = open ? this.party : "";
    this.putAside = undefined;
    this.draw();
    if (open) this.#panel.focus({ preventScroll: true });
    else this.#launcher.focus({ preventScroll: true });
    this.#around.emit(open ? "opened" : "closed", {});
  }

  #apply(): void {
    this.#panel.hidden = !this.#open;
    this.#layer(this.#panel, this.#open);
  }

  /** Into the top layer, above whatever the page has piled up; where there is none, `z-index` has to do. */
  #layer(node: HTMLElement, up: boolean): void {
    if (!("popover" in node)) return;
    node.popover = "manual";
    if (!node.isConnected) {
      queueMicrotask(() => node.isConnected && this.#layer(node, up));
      return;
    }
    // A launcher that the host has placed stays in its place.
    const corner = (node.getRootNode() as ShadowRoot).host?.hasAttribute("corner");
    if (node === this.#launcher && !corner) node.removeAttribute("popover");
    else if (up && !node.matches(":popover-open")) node.showPopover();
    else if (!up && node.matches(":popover-open")) node.hidePopover();
  }

  #key = (event: Event): void => {
    if ((event as KeyboardEvent).key !== "Escape" || event.defaultPrevented) return;
    event.stopPropagation();
    const menu = this.#panel.querySelector("details[open]");
    if (menu) {
      menu.removeAttribute("open");
      menu.querySelector("summary")?.focus();
    } else if (this.view.at === "home") this.close();
    else this.go({ at: "home" });
  };

  #say(text: string): void {
    this.#live.textContent = text;
  }
}

function kept(): boolean {
  try {
    return sessionStorage.getItem(KEPT) === "1";
  } catch {
    return false;
  }
}

function keep(open: boolean): void {
  try {
    if (open) sessionStorage.setItem(KEPT, "1");
    else sessionStorage.removeItem(KEPT);
  } catch {
    // Blocked storage costs only this: the next page begins with the panel closed.
  }
}
