/**
 * `form[data-reading]`: posted, once, when the page has been in sight for that many seconds. What lies in a tab nobody
 * looks at is not read. Without scripts nothing is recorded; nothing else depends on it.
 */
export function noteReading(): void {
  const form = document.querySelector<HTMLFormElement>("form[data-reading]");
  if (!form) return;
  let left = Number(form.dataset.reading) * 1000;
  let since = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const send = (): void => {
    document.removeEventListener("visibilitychange", follow);
    const said = new URLSearchParams();
    for (const [name, value] of new FormData(form)) if (typeof value === "string") said.append(name, value);
    void fetch(form.action, { method: "POST", body: said, keepalive: true }).catch(() => undefined);
  };
  const follow = (): void => {
    clearTimeout(timer);
    if (document.visibilityState === "visible") {
      since = performance.now();
      timer = setTimeout(send, left);
    } else if (since) {
      left = Math.max(0, left - (performance.now() - since));
      since = 0;
    }
  };
  document.addEventListener("visibilitychange", follow);
  follow();
}
