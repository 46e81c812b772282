/** A copy button on each block of code (`.code`) and on each `[data-copy]`, whose text it takes. Where the browser lets
 * nobody write to the clipboard (a portal without TLS, a policy), it selects the code, for the reader to copy. */
import { announce } from "./announce";
import { word } from "./words";

export function copyButtons(within: ParentNode): void {
  for (const block of within.querySelectorAll<HTMLElement>(".code, [data-copy]")) {
    const pre = block.querySelector("pre");
    if (block.querySelector(".copy") || !(pre || navigator.clipboard)) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = word("copy");
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(textOf(block));
      } catch {
        if (pre) getSelection()?.selectAllChildren(pre);
        return;
      }
      button.textContent = word("copied");
      announce(word("copied"));
      setTimeout(() => {
        button.textContent = word("copy");
      }, 2000);
    });
    block.append(button);
  }
}

function textOf(block: HTMLElement): string {
  const pre = block.querySelector("pre");
  if (!pre) return block.dataset.copy ?? "";
  const clone = pre.cloneNode(true) as HTMLElement;
  for (const prompt of clone.querySelectorAll(".hl-gp")) prompt.remove();
  return clone.textContent ?? "";
}
