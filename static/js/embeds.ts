/**
 * `a.embed[data-embed]`: a film of another site. It is a plain link until it is chosen; then, and only then, the player
 * of that site is loaded in its place. With a modifier key the link goes where it says.
 */
export function playEmbeds(): void {
  document.addEventListener("click", (event) => {
    const target = event.target;
    const link = target instanceof Element ? target.closest<HTMLAnchorElement>("a.embed[data-embed]") : null;
    const player = link?.dataset.embed;
    if (!link || !player || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    const frame = document.createElement("iframe");
    frame.className = "embed-player";
    frame.title = link.querySelector(".embed-title")?.textContent ?? link.href;
    frame.allow = "autoplay; encrypted-media; fullscreen; picture-in-picture";
    // The players refuse to play for a page that does not say where it is; the rest of the address stays here.
    frame.referrerPolicy = "strict-origin-when-cross-origin";
    frame.src = player;
    link.replaceWith(frame);
    frame.focus();
  });
}
