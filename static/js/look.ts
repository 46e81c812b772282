/**
 * `form[data-look]`: its previews follow what is being chosen. Whether everybody could read it is said when it is saved;
 * here only the ink of the words follows, as the widget itself will choose it.
 */
export function followLook(): void {
  const form = document.querySelector<HTMLFormElement>("form[data-look]");
  if (!form) return;
  const inks = (form.dataset.look ?? "").split(" ");
  const typed = (name: string): string => form.querySelector<HTMLInputElement>(`[name="${name}"]`)?.value ?? "";
  form.addEventListener("input", () => {
    for (const scene of form.querySelectorAll<SVGElement>("[data-accent-field]")) {
      const accent = typed(scene.dataset.accentField ?? "");
      const ink = inks.reduce(
        (one, other) => (contrast(one, accent) >= contrast(other, accent) ? one : other),
        inks[0] ?? "",
      );
      for (const part of scene.querySelectorAll<SVGElement>("[data-accent]")) {
        part.setAttribute(part.dataset.accent ?? "", accent);
      }
      for (const part of scene.querySelectorAll("[data-ink]")) part.setAttribute("fill", ink);
      const radius = String(Math.min(24, Math.max(0, Number(typed("radius")) || 0)));
      for (const part of scene.querySelectorAll(".look-paper, .look-button")) part.setAttribute("rx", radius);
      const words = typed(document.documentElement.lang === "ja" ? "launcher_ja" : "launcher_en");
      const launcher = scene.querySelector<SVGElement>("[data-launcher]");
      if (launcher && words) launcher.textContent = words;
    }
  });
}

/** WCAG 2.2. */
function contrast(one: string, other: string): number {
  const [high, low] = [luminance(one), luminance(other)].sort((a, b) => b - a) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

function luminance(colour: string): number {
  const [red, green, blue] = [1, 3, 5].map((place) => {
    const channel = Number.parseInt(colour.slice(place, place + 2), 16) / 255;
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
