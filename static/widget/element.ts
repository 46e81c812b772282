/**
 * The elements on the page: one for the checklist, made by us in a corner or put by the host where it likes, and one
 * that will hold prompts. Each has a shadow root, so no style of the page reaches in and none of ours reaches out.
 */
import css from "widget.css";
import type { BansoApi, BansoEvents, BansoOptions, BansoPlace, BansoStep } from "./api";
import type { Client } from "./client";
import { Panel } from "./panel";
import type { Checklist, State, Theme } from "./shapes";

export interface Around {
  client: Client;
  options(): BansoOptions;
  emit<N extends keyof BansoEvents>(name: N, told: BansoEvents[N]): void;
  onStep(step: BansoStep): unknown;
  complain(error: unknown): void;
}

export interface Host {
  show(state: State): void;
  reachable(yes: boolean): void;
  ticked(checklist: Checklist, title: string): void;
  celebrate(checklist: Checklist): void;
  open(place?: BansoPlace): void;
  close(): void;
  remove(): void;
}

const TAG = "banso-checklist";
let around: Around | undefined;
let state: State | undefined;
const shown = new Set<Element & { panel?: Panel | undefined }>();

/** Take the page into use: elements that are there, and those that come later, show what `show` is given. */
export function define(given: Around): Host {
  around = given;
  state = undefined;
  if (!customElements.get(TAG)) {
    customElements.define(TAG, ChecklistElement);
    customElements.define("banso-prompts", class extends HTMLElement {});
  }
  let corner: HTMLElement | undefined;
  let wanted: { place: BansoPlace | undefined } | undefined;
  const first = (): Panel | undefined => [...shown].find((one) => one.panel)?.panel;
  const stay = (): void => {
    // Frameworks that replace the body take the corner with them; it comes back, what the host placed is the host's.
    if (corner && !corner.isConnected) document.body?.append(corner);
  };
  const watch = new MutationObserver(stay);
  return {
    show(next) {
      state = next;
      if (!corner && !document.querySelector(TAG) && next.theme.position !== "inline" && !above()) {
        corner = document.createElement(TAG);
        corner.setAttribute("corner", "");
        stay();
        watch.observe(document.documentElement, { childList: true });
        if (document.body) watch.observe(document.body, { childList: true });
      }
      for (const one of shown) mount(one);
      const asked = wanted;
      wanted = undefined;
      if (asked) this.open(asked.place);
    },
    reachable: (yes) => each((panel) => panel.reachable(yes)),
    ticked: (checklist, title) => each((panel) => panel.ticked(checklist, title)),
    celebrate: (checklist) => each((panel) => panel.celebrate(checklist)),
    open(place) {
      // Asked before the portal has answered, it opens when it does.
      if (state) (first() ?? above())?.open(place);
      else wanted = { place };
    },
    close() {
      wanted = undefined;
      each((panel) => panel.close());
    },
    remove() {
      watch.disconnect();
      around = state = undefined;
      for (const one of shown) unmount(one);
      corner?.remove();
    },
  };
}

/** The widget of the page around this frame, where both are the product's: one corner is enough for all of it. */
function above(): BansoApi | undefined {
  try {
    return window === parent ? undefined : parent.Banso;
  } catch {
    return undefined;
  }
}

function each(act: (panel: Panel) => void): void {
  for (const one of shown) if (one.panel) act(one.panel);
}

class ChecklistElement extends HTMLElement {
  panel: Panel | undefined;

  connectedCallback(): void {
    shown.add(this);
    mount(this);
  }

  disconnectedCallback(): void {
    shown.delete(this);
    unmount(this);
  }
}

function mount(element: Element & { panel?: Panel | undefined }): void {
  if (!around || !state) return;
  try {
    element.panel ??= new Panel(rooted(element, around.options().nonce), around, element.hasAttribute("embedded"));
    dress(element, state.theme, around.options(), element.hasAttribute("corner"));
    element.panel.show(state);
  } catch (error) {
    around.complain(error);
  }
}

function unmount(element: Element & { panel?: Panel | undefined }): void {
  element.panel?.destroy();
  element.panel = undefined;
}

/** A shadow root with our style sheet, which is constructed where the browser can and carries the nonce where not. */
function rooted(element: Element, nonce: string | undefined): ShadowRoot {
  const root = element.shadowRoot ?? element.attachShadow({ mode: "open" });
  root.replaceChildren();
  try {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    root.adoptedStyleSheets = [sheet, new CSSStyleSheet()];
  } catch {
    const style = document.createElement("style");
    if (nonce) style.nonce = nonce;
    style.textContent = css;
    root.append(style);
  }
  return root;
}

/** The vendor's look. The portal has checked it; still nothing but a colour gets into the sheet. */
function dress(element: Element, theme: Theme, options: BansoOptions, corner: boolean): void {
  const scheme = options.theme ?? theme.scheme;
  element.setAttribute("scheme", /^(light|dark)$/.test(scheme) ? scheme : "auto");
  if (corner) element.setAttribute("side", theme.position === "left" ? "left" : "right");
  const colour = (value: string): string => (/^#[0-9a-f]{6}$/i.test(value) ? value : "");
  const [light, dark] = [colour(theme.accent), colour(theme.accent_dark)];
  if (!light || !dark) return;
  element.shadowRoot?.adoptedStyleSheets[1]?.replaceSync(
    `:host{--accent-light:${light};--accent-dark:${dark};--on-light:${colour(theme.ink)};--on-dark:${colour(theme.ink_dark)};` +
      `--own-radius:${Math.min(24, Math.max(0, Number(theme.radius) || 0))}px}`,
  );
}
