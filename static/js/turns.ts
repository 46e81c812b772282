/**
 * `select[data-turns]`: what is chosen decides which fields come next, so the form is sent for a look (`act=refresh`,
 * which saves nothing). Without scripts a button beside it does the same.
 */
export function followTurns(): void {
  document.addEventListener("change", (event) => {
    const control = event.target;
    if (!(control instanceof HTMLSelectElement) || !("turns" in control.dataset)) return;
    const button = control.form?.querySelector<HTMLButtonElement>("button[data-turned]");
    if (button) control.form?.requestSubmit(button);
  });
}
