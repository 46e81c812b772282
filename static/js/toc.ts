/** In `.toc`, marks the section being read. */
export function followContents(): void {
  const links = new Map<string, HTMLAnchorElement>();
  for (const link of document.querySelectorAll<HTMLAnchorElement>(".toc a[href^='#']")) {
    links.set(decodeURIComponent(link.hash.slice(1)), link);
  }
  const headings = [...links.keys()].map((id) => document.getElementById(id)).filter((found) => found !== null);
  if (!headings.length) return;
  let current: HTMLAnchorElement | undefined;
  const mark = (): void => {
    const line = window.innerHeight / 4;
    const passed = headings.filter((heading) => heading.getBoundingClientRect().top <= line);
    const atEnd = window.innerHeight + window.scrollY >= document.documentElement.scrollHeight - 2;
    const here = atEnd && window.scrollY > 0 ? headings.at(-1) : passed.at(-1);
    const next = here && links.get(here.id);
    if (next === current) return;
    current?.removeAttribute("aria-current");
    next?.setAttribute("aria-current", "true");
    current = next;
  };
  // The set of visible headings changes just when the answer may; scrolling itself costs nothing.
  const watcher = new IntersectionObserver(mark, { rootMargin: "0px 0px -75% 0px", threshold: [0, 1] });
  for (const heading of headings) watcher.observe(heading);
  addEventListener("scrollend", mark, { passive: true });
  mark();
}
