/** `form[data-auto]`: a changed choice submits the form (filters). The button stays, for keyboards and for no scripts. */
export function autoSubmit(): void {
  document.addEventListener("change", (event) => {
    const control = event.target;
    if (!(control instanceof HTMLSelectElement) && !(control instanceof HTMLInputElement && isChoice(control))) return;
    const form = control.form;
    if (form && "auto" in form.dataset) form.requestSubmit();
  });
}

function isChoice(input: HTMLInputElement): boolean {
  return ["checkbox", "radio", "date", "month"].includes(input.type);
}
