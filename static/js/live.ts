/**
 * `form[data-live="#region"]`: sends the form in the background and takes over that region, and the flash messages,
 * from the page that comes back, which is the very page a plain submit would have shown. Whenever anything is not as
 * expected the browser goes on as if this file did not exist.
 */
import { announce } from "./announce";
import { copyButtons } from "./copy";
import { stopButtons } from "./moving";

/** What each form is being sent by, and what is to be sent next. */
const busy = new WeakMap<HTMLFormElement, HTMLElement | null>();
const waiting = new WeakMap<HTMLFormElement, HTMLElement | null>();

export function liveForms(): void {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || !form.dataset.live || event.defaultPrevented) return;
    event.preventDefault();
    const submitter = event.submitter;
    if (busy.has(form)) {
      // The same button twice is one wish; another button, or a question that has changed, is a wish of its own.
      if (form.method !== "post" || busy.get(form) !== submitter) waiting.set(form, submitter);
      return;
    }
    busy.set(form, submitter);
    submitter?.setAttribute("aria-busy", "true");
    send(form, submitter, form.dataset.live)
      .catch(() => plainly(form, submitter))
      .finally(() => {
        busy.delete(form);
        submitter?.removeAttribute("aria-busy");
        if (waiting.has(form)) sendNext(form, waiting.get(form) ?? null);
      });
  });
}

/** What was asked for meanwhile, by the form and the button that stand now where those stood. */
function sendNext(form: HTMLFormElement, submitter: HTMLElement | null): void {
  waiting.delete(form);
  const now = form.isConnected ? form : document.getElementById(form.id);
  if (!(now instanceof HTMLFormElement)) return;
  if (!(submitter instanceof HTMLButtonElement) || submitter.isConnected) {
    now.requestSubmit(submitter);
    return;
  }
  const same = [...now.elements].find(
    (one) => one instanceof HTMLButtonElement && one.name === submitter.name && one.value === submitter.value,
  );
  if (same instanceof HTMLButtonElement && !same.disabled) now.requestSubmit(same);
}

async function send(form: HTMLFormElement, submitter: HTMLElement | null, selector: string): Promise<void> {
  const data = new FormData(form, submitter);
  const reading = form.method !== "post";
  const url = new URL(form.action);
  const fields = new URLSearchParams();
  for (const [name, value] of data) {
    if (typeof value !== "string") throw new Error("files are sent plainly");
    if (!reading || value) fields.append(name, value);
  }
  if (reading) url.search = fields.toString();
  const response = await fetch(url, {
    headers: { Accept: "text/html" },
    ...(reading ? {} : { method: "POST", body: fields }),
  });
  const here = new URL(response.url).origin === location.origin;
  if (!here || !response.headers.get("content-type")?.startsWith("text/html")) {
    throw new Error(`answered ${response.status}`);
  }
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  if (!page.querySelector(selector)) {
    if (!response.ok) throw new Error(`answered ${response.status}`);
    // Somewhere else altogether (signed out, finished): go there, the deed is done.
    location.assign(response.url);
    return;
  }
  takeOver(page, selector);
  takeOver(page, "#flash");
  if (reading) history.replaceState(null, "", response.url);
  announce(said(page, selector));
}

/** Replace the element here by its namesake there; keep what was opened open, and the focus where it was. */
export function takeOver(page: Document, selector: string): void {
  const old = document.querySelector(selector);
  const fresh = page.querySelector(selector);
  if (!old || !fresh) return;
  const adopted = document.importNode(fresh, true);
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  for (const open of old.querySelectorAll<HTMLDetailsElement>("details[id][open]")) {
    const same = adopted.querySelector(`#${CSS.escape(open.id)}`);
    if (same instanceof HTMLDetailsElement) same.open = true;
  }
  old.replaceWith(adopted);
  copyButtons(adopted);
  stopButtons(adopted);
  if (!focused) return;
  const again = focused.id
    ? document.getElementById(focused.id)
    : adopted.querySelector<HTMLElement>("[data-live-focus]");
  if (again) {
    again.focus({ preventScroll: true });
  } else if (adopted instanceof HTMLElement) {
    adopted.tabIndex = -1;
    adopted.focus({ preventScroll: true });
  }
}

function said(page: Document, selector: string): string {
  const flash = page.querySelector("#flash")?.textContent?.trim();
  return flash || page.querySelector(`${selector} [data-live-say]`)?.textContent?.trim() || page.title;
}

function plainly(form: HTMLFormElement, submitter: HTMLElement | null): void {
  if (submitter instanceof HTMLButtonElement && submitter.name) {
    const field = document.createElement("input");
    field.type = "hidden";
    field.name = submitter.name;
    field.value = submitter.value;
    form.append(field);
  }
  HTMLFormElement.prototype.submit.call(form);
}
