/** Menus and definitions (`details.menu`, `details.means`) close on Escape and on a click elsewhere. */
const FLOATING = "details.menu[open], details.means[open]";

export function menus(): void {
  document.addEventListener("click", (event) => {
    for (const open of document.querySelectorAll<HTMLDetailsElement>(FLOATING)) {
      if (event.target instanceof Node && !open.contains(event.target)) open.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const open of document.querySelectorAll<HTMLDetailsElement>(FLOATING)) {
      const inside = open.contains(document.activeElement);
      open.open = false;
      if (inside) open.querySelector("summary")?.focus();
    }
  });
}
