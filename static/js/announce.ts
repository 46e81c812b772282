let region: HTMLElement | undefined;

/** Tell a screen reader what has just changed. */
export function announce(text: string): void {
  if (!region) {
    region = document.createElement("div");
    region.className = "hidden-visually";
    region.setAttribute("aria-live", "polite");
    document.body.append(region);
  }
  region.textContent = "";
  // A live region speaks only of a change after it exists.
  setTimeout(() => {
    if (region) region.textContent = text;
  }, 50);
}
