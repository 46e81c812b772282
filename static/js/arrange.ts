/**
 * `ol[data-arrange="form-id"]`: its items are put in order by dragging them by their grip. The buttons beside each do
 * the same by keyboard and without scripts; both send the one form.
 */
export function arrangeLists(): void {
  document.addEventListener("pointerdown", (event) => {
    const grip = event.target instanceof Element ? event.target.closest<HTMLElement>(".arrange-grip") : null;
    const item = grip?.closest<HTMLElement>(".arrange-item");
    const list = item?.closest<HTMLElement>("[data-arrange]");
    if (!grip || !item || !list || event.button !== 0) return;
    event.preventDefault();
    drag(list, item);
  });
}

function drag(list: HTMLElement, item: HTMLElement): void {
  const before = orderOf(list);
  const end = new AbortController();
  item.classList.add("is-dragged");
  const follow = (event: PointerEvent): void => {
    const others = [...list.querySelectorAll<HTMLElement>(".arrange-item")].filter((one) => one !== item);
    const below = others.find((one) => {
      const box = one.getBoundingClientRect();
      return event.clientY < box.top + box.height / 2;
    });
    if ((below ?? null) === item.nextElementSibling) return;
    if (below) below.before(item);
    else list.append(item);
  };
  const drop = (): void => {
    end.abort();
    item.classList.remove("is-dragged");
    const form = document.getElementById(list.dataset.arrange ?? "");
    if (form instanceof HTMLFormElement && orderOf(list) !== before) form.requestSubmit();
  };
  // On the document: an item that changes its place loses whatever pointer its grip has captured.
  document.addEventListener("pointermove", follow, { signal: end.signal });
  document.addEventListener("pointerup", drop, { signal: end.signal });
  document.addEventListener("pointercancel", drop, { signal: end.signal });
}

function orderOf(list: HTMLElement): string {
  return [...list.querySelectorAll<HTMLElement>(".arrange-item")].map((one) => one.dataset.key).join("\n");
}
