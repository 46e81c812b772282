/**
 * `form[data-reading]`: posted, once, when the article has been in sight for that many seconds and most of it has come
 * into the window. What lies in a tab nobody looks at is not read, and what was only begun is not either. Without
 * scripts there is a button that says so.
 */
const ENOUGH = 80;
const STEP = 500;

export function noteReading(): void {
  const form = document.querySelector<HTMLFormElement>("form[data-reading]");
  const text = document.querySelector<HTMLElement>(".article-body");
  if (!form || !text) return;
  const needed = Number(form.dataset.reading);
  let seen = 0;
  let depth = 0;
  let since = performance.now();
  const look = (): void => {
    const now = performance.now();
    // A machine that slept must not count as somebody reading.
    const passed = Math.min(now - since, 2 * STEP);
    since = now;
    if (document.visibilityState !== "visible") return;
    seen += passed;
    const box = text.getBoundingClientRect();
    const share = box.height ? (window.innerHeight - box.top) / box.height : 1;
    depth = Math.max(depth, Math.round(100 * Math.min(Math.max(share, 0), 1)));
    if (seen < needed * 1000 || depth < ENOUGH) return;
    clearInterval(timer);
    const said = new URLSearchParams({ seconds: String(Math.floor(seen / 1000)), depth: String(depth) });
    for (const [name, value] of new FormData(form)) if (typeof value === "string") said.append(name, value);
    void fetch(form.action, { method: "POST", body: said, keepalive: true }).catch(() => undefined);
  };
  const timer = setInterval(look, STEP);
  document.addEventListener("visibilitychange", look);
}
