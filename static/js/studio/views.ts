/** Text and preview side by side, or one of them alone; the choice is remembered in this browser. */
const KEY = "banso-studio-view";

export function chooseView(form: HTMLElement, tools: HTMLElement): void {
  const desk = form.querySelector<HTMLElement>("[data-views]");
  const buttons = [...tools.querySelectorAll<HTMLButtonElement>("[data-view]")];
  if (!desk) return;
  const choose = (view: string): void => {
    desk.dataset.views = view;
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.view === view));
  };
  for (const button of buttons) {
    button.addEventListener("click", () => {
      const view = button.dataset.view ?? "both";
      choose(view);
      try {
        localStorage.setItem(KEY, view);
      } catch {
        // A browser that stores nothing forgets it; nothing else is lost.
      }
    });
  }
  let kept: string | null = null;
  try {
    kept = localStorage.getItem(KEY);
  } catch {
    kept = null;
  }
  choose(kept && buttons.some((one) => one.dataset.view === kept) ? kept : "both");
}
