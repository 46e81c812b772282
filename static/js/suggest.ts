/**
 * `form[data-suggest]`: titles are offered while one types, as the ARIA combobox pattern has it (list autocomplete,
 * manual selection). The form stays a form: Enter without a choice searches. While an input method is composing, what is
 * typed so far already suggests, but every key is the input method's: its Enter ends a word and sends nothing.
 */
import { announce } from "./announce";

interface Suggestion {
  href: string;
  title: [string, boolean][];
  kind: string;
  lang: string | null;
}

const WAIT = 120;

export function suggestions(): void {
  for (const form of document.querySelectorAll<HTMLFormElement>("form[data-suggest]")) {
    const input = form.querySelector<HTMLInputElement>("input[type=search]");
    if (input) offer(form, input);
  }
}

function offer(form: HTMLFormElement, input: HTMLInputElement): void {
  const list = document.createElement("ul");
  list.className = "suggestions";
  list.id = `${input.id}-suggestions`;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", input.getAttribute("aria-label") ?? "");
  list.hidden = true;
  form.append(list);
  for (const [name, value] of [
    ["role", "combobox"],
    ["aria-autocomplete", "list"],
    ["aria-controls", list.id],
    ["aria-expanded", "false"],
  ] as const) {
    input.setAttribute(name, value);
  }

  let active = -1;
  let shownFor = "";
  let waiting: ReturnType<typeof setTimeout> | undefined;
  let asking: AbortController | undefined;

  const options = (): HTMLElement[] => [...list.querySelectorAll<HTMLElement>("[role=option]")];

  const choose = (index: number): void => {
    const all = options();
    active = all.length ? (index + all.length + 1) % (all.length + 1) : -1;
    // One place beyond the last is the input itself.
    if (active === all.length) active = -1;
    for (const [place, option] of all.entries()) option.setAttribute("aria-selected", String(place === active));
    const chosen = all[active];
    if (chosen) {
      input.setAttribute("aria-activedescendant", chosen.id);
      chosen.scrollIntoView({ block: "nearest" });
    } else {
      input.removeAttribute("aria-activedescendant");
    }
  };

  const close = (): void => {
    clearTimeout(waiting);
    asking?.abort();
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    choose(-1);
  };

  const open = (): void => {
    if (!list.childElementCount || document.activeElement !== input) return;
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
  };

  const show = (typed: string, found: Suggestion[]): void => {
    shownFor = typed;
    list.replaceChildren(...found.map((one, place) => line(`${list.id}-${place}`, one)));
    if (!found.length) {
      close();
      return;
    }
    const all = document.createElement("li");
    all.id = `${list.id}-all`;
    all.setAttribute("role", "option");
    all.className = "suggestions-all";
    all.textContent = (form.dataset.all ?? "").replace("{question}", typed);
    list.append(all);
    choose(-1);
    open();
    announce((form.dataset.count ?? "").replace("{count}", String(found.length)));
  };

  const ask = async (typed: string): Promise<void> => {
    asking?.abort();
    asking = new AbortController();
    const response = await fetch(`${form.dataset.suggest}?${new URLSearchParams({ q: typed })}`, {
      signal: asking.signal,
      headers: { Accept: "application/json" },
    });
    const is = response.headers.get("content-type")?.startsWith("application/json") && response.ok;
    const found = is ? ((await response.json()) as { suggestions: Suggestion[] }).suggestions : [];
    if (input.value.trim() === typed) show(typed, found);
  };

  const take = (option: HTMLElement): void => {
    if (option.dataset.href) location.assign(option.dataset.href);
    else form.requestSubmit();
  };

  input.addEventListener("input", () => {
    clearTimeout(waiting);
    const typed = input.value.trim();
    if (!typed) {
      close();
      return;
    }
    // Whatever goes wrong, the form still searches.
    waiting = setTimeout(() => void ask(typed).catch(() => undefined), WAIT);
  });
  input.addEventListener("keydown", (event) => {
    if (event.isComposing || event.keyCode === 229) return;
    const chosen = options()[active];
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (!list.childElementCount || shownFor !== input.value.trim()) return;
      event.preventDefault();
      if (list.hidden) open();
      choose(event.key === "ArrowDown" ? active + 1 : active < 0 ? options().length - 1 : active - 1);
    } else if (event.key === "Enter" && chosen && !list.hidden) {
      event.preventDefault();
      take(chosen);
    } else if (event.key === "Escape" && !list.hidden) {
      event.preventDefault();
      close();
    }
  });
  form.addEventListener("submit", close);
  input.addEventListener("blur", close);
  // Pressing the mouse on the list must not take the focus away, which would close it before the click.
  list.addEventListener("mousedown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => {
    const option = event.target instanceof Element ? event.target.closest<HTMLElement>("[role=option]") : null;
    if (!option) return;
    if ((event.ctrlKey || event.metaKey) && option.dataset.href) window.open(option.dataset.href, "_blank", "noopener");
    else take(option);
  });
}

function line(id: string, one: Suggestion): HTMLElement {
  const option = document.createElement("li");
  option.id = id;
  option.setAttribute("role", "option");
  option.setAttribute("aria-selected", "false");
  option.dataset.href = one.href;
  const title = document.createElement("span");
  if (one.lang) title.lang = one.lang;
  for (const [text, found] of one.title) {
    const part = document.createElement(found ? "mark" : "span");
    part.textContent = text;
    title.append(part);
  }
  const kind = document.createElement("span");
  kind.className = "soft small";
  kind.textContent = one.kind;
  option.append(title, kind);
  return option;
}
