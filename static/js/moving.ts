/**
 * A button on each picture that moves, which stops it and lets it go on (WCAG 2.2.2). Stopped, the picture is its first
 * frame, as it is for whoever asked for less movement.
 */
import { word } from "./words";

const STILL = "(prefers-reduced-motion: reduce)";

export function stopButtons(within: ParentNode): void {
  for (const source of within.querySelectorAll<HTMLSourceElement>(`picture > source[media="${STILL}"]`)) {
    const picture = source.parentElement;
    if (!picture || picture.closest(".moving")) continue;
    const frame = document.createElement("span");
    frame.className = "moving";
    const button = document.createElement("button");
    button.type = "button";
    button.className = "moving-stop";
    let isStopped = matchMedia(STILL).matches;
    const show = (): void => {
      source.media = isStopped ? "all" : "not all";
      button.textContent = word(isStopped ? "move" : "stop");
    };
    button.addEventListener("click", () => {
      isStopped = !isStopped;
      show();
    });
    show();
    picture.replaceWith(frame);
    frame.append(picture, button);
  }
}
