/**
 * `[data-results]`: the first result that is opened is noted down, so that staff see how far down readers must look. The
 * link itself leads straight to the article; nothing waits for the note, and without scripts it is simply not taken.
 */
export function noteOpened(): void {
  const list = document.querySelector<HTMLElement>("[data-results]");
  const form = document.querySelector<HTMLFormElement>("form#opened");
  if (!list || !form) return;
  let noted = false;
  const note = (event: MouseEvent): void => {
    const link = event.target instanceof Element ? event.target.closest<HTMLAnchorElement>("a[data-place]") : null;
    if (!link || noted || event.button > 1) return;
    noted = true;
    const said = new URLSearchParams({
      search: list.dataset.results ?? "",
      place: link.dataset.place ?? "",
      name: link.dataset.name ?? "",
    });
    for (const [name, value] of new FormData(form)) if (typeof value === "string") said.append(name, value);
    void fetch(form.action, { method: "POST", body: said, keepalive: true }).catch(() => undefined);
  };
  list.addEventListener("click", note);
  list.addEventListener("auxclick", note);
}
