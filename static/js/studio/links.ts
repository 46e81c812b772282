/** The search for a document to link to: type, look down the list with the arrows, choose. */
interface Found {
  target: string;
  title: string;
  kind: string;
}

export function findDocuments(): void {
  const input = document.querySelector<HTMLInputElement>("[data-find]");
  const list = document.querySelector<HTMLElement>("#link-found");
  const form = input?.closest("form");
  if (!input || !list || !form) return;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let asking: AbortController | undefined;

  const choose = (option: HTMLElement): void => {
    const target = form.elements.namedItem("target");
    const words = form.elements.namedItem("words");
    if (target instanceof HTMLInputElement) target.value = option.dataset.target ?? "";
    if (words instanceof HTMLInputElement && !words.value) words.value = option.dataset.title ?? "";
    for (const one of list.children) one.setAttribute("aria-selected", String(one === option));
    if (words instanceof HTMLInputElement) words.focus();
  };
  const ask = async (): Promise<void> => {
    asking?.abort();
    asking = new AbortController();
    const answer = await fetch(`/staff/content/find?q=${encodeURIComponent(input.value)}`, { signal: asking.signal });
    if (!answer.ok) return;
    const found: Found[] = await answer.json();
    list.replaceChildren(...found.map(optionOf));
    if (!found.length) {
      const none = document.createElement("li");
      none.className = "soft";
      none.textContent = list.dataset.none ?? "";
      list.append(none);
    }
    input.setAttribute("aria-expanded", String(found.length > 0));
    input.removeAttribute("aria-activedescendant");
  };
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => void ask().catch(() => undefined), 150);
  });
  form.addEventListener("reset", () => {
    list.replaceChildren();
    input.setAttribute("aria-expanded", "false");
  });
  list.addEventListener("click", (event) => {
    const option = event.target instanceof Element ? event.target.closest<HTMLElement>("[role=option]") : null;
    if (option) choose(option);
  });
  input.addEventListener("keydown", (event) => {
    const options = [...list.querySelectorAll<HTMLElement>("[role=option]")];
    const at = options.findIndex((one) => one.classList.contains("is-active"));
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const next = options[Math.min(Math.max(at + (event.key === "ArrowDown" ? 1 : -1), 0), options.length - 1)];
      for (const one of options) one.classList.toggle("is-active", one === next);
      if (next) input.setAttribute("aria-activedescendant", next.id);
      next?.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter" && !event.isComposing && event.keyCode !== 229) {
      event.preventDefault();
      const option = options[Math.max(at, 0)];
      if (option) choose(option);
    }
  });
}

function optionOf(found: Found, index: number): HTMLElement {
  const option = document.createElement("li");
  option.id = `link-option-${index}`;
  option.role = "option";
  option.dataset.target = found.target;
  option.dataset.title = found.title;
  const title = document.createElement("span");
  title.textContent = found.title;
  const kind = document.createElement("span");
  kind.className = "soft small";
  kind.textContent = found.kind;
  option.append(title, " ", kind);
  return option;
}
