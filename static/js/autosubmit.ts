/**
 * `form[data-auto]`: a changed choice submits the form (filters). The button stays, for keyboards and for no scripts.
 * The page that comes has the focus where it was, so whoever goes through the choices by keyboard goes on.
 */
const FOCUSED = "banso-focused";

export function autoSubmit(): void {
  goOn();
  document.addEventListener("change", (event) => {
    const control = event.target;
    if (!(control instanceof HTMLSelectElement) && !(control instanceof HTMLInputElement && isChoice(control))) return;
    const form = control.form;
    if (!form || !("auto" in form.dataset)) return;
    remember(control.id);
    form.requestSubmit();
  });
}

function isChoice(input: HTMLInputElement): boolean {
  return ["checkbox", "radio", "date", "month"].includes(input.type);
}

function remember(id: string): void {
  try {
    if (id) sessionStorage.setItem(FOCUSED, id);
  } catch {
    // Storage is blocked: the page begins at its beginning.
  }
}

function goOn(): void {
  try {
    const id = sessionStorage.getItem(FOCUSED);
    sessionStorage.removeItem(FOCUSED);
    if (id) document.getElementById(id)?.focus({ preventScroll: true });
  } catch {
    // As above.
  }
}
