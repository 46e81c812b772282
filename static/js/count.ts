/**
 * `form[data-count="#region"]`: when a field was changed the form is sent for a look (`act=look`, which saves nothing) and
 * that region is taken over from the answer. The button "Count without saving" does the same without scripts.
 */
import { announce } from "./announce";
import { takeOver } from "./live";

export function counting(): void {
  let asked = new AbortController();

  const count = async (form: HTMLFormElement, selector: string): Promise<void> => {
    asked.abort();
    asked = new AbortController();
    const data = new FormData(form);
    const fields = new URLSearchParams();
    for (const [name, value] of data) if (typeof value === "string") fields.append(name, value);
    fields.set("act", "look");
    const headers = { Accept: "text/html" };
    try {
      const response = await fetch(form.action, { method: "POST", headers, body: fields, signal: asked.signal });
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      takeOver(page, selector);
      announce(page.querySelector(selector)?.textContent?.trim() ?? "");
    } catch {
      // Another change came first, or the portal is away for a moment: what is shown stays, and the button is there.
    }
  };

  document.addEventListener("change", (event) => {
    const control = event.target;
    // A choice that changes what is asked sends the whole form by itself, and is counted there.
    if (!(control instanceof HTMLElement) || "turns" in control.dataset) return;
    const form = control.closest<HTMLFormElement>("form[data-count]");
    if (form?.dataset.count) void count(form, form.dataset.count);
  });
  document.addEventListener("submit", () => asked.abort());
}
