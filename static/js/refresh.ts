/**
 * `[data-refresh="5"]` on a region with an id: takes that region over from this very page every so many seconds, while
 * somebody is looking at it. A button stops and resumes it. Without scripts the page has a link that does it once.
 */
import { takeOver } from "./live";

export function refreshing(): void {
  const region = document.querySelector<HTMLElement>("[data-refresh][id]");
  const acts = region?.querySelector("[data-refresh-acts]");
  if (!region || !acts) return;
  const { id, dataset } = region;
  const seconds = Number(dataset.refresh);
  const words = { pause: dataset.wordPause ?? "", resume: dataset.wordResume ?? "" };
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button button-small";
  button.id = `${id}-pause`;
  let paused = false;
  let busy = false;

  const show = (): void => {
    button.textContent = paused ? words.resume : words.pause;
    const fresh = document.querySelector(`#${CSS.escape(id)} [data-refresh-acts]`);
    if (fresh && !fresh.contains(button)) fresh.append(button);
  };
  const look = async (): Promise<void> => {
    if (paused || busy || document.visibilityState !== "visible") return;
    // What somebody is reading or selecting stays still.
    if (window.getSelection()?.toString()) return;
    busy = true;
    try {
      const response = await fetch(location.href, { headers: { Accept: "text/html" } });
      const isHere = new URL(response.url).pathname === location.pathname;
      if (!response.ok || !isHere) throw new Error(`answered ${response.status}`);
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      if (!paused) {
        const held = document.activeElement === button;
        takeOver(page, `#${CSS.escape(id)}`);
        show();
        if (held) button.focus({ preventScroll: true });
      }
    } catch {
      // Signed out, or the portal is away for a moment: what is shown stays, and the next look may succeed.
    } finally {
      busy = false;
    }
  };

  button.addEventListener("click", () => {
    paused = !paused;
    show();
    void look();
  });
  show();
  setInterval(() => void look(), seconds * 1000);
}
