/**
 * What only the staff desk needs: uploads, lists put in order by dragging, a table row that opens with a click anywhere
 * on it, as its link does, regions that look again by themselves, previews and counts that follow what is being chosen, and a
 * button that prints.
 */
import { arrangeLists } from "./arrange";
import { counting } from "./count";
import { followLook } from "./look";
import { printButtons } from "./print";
import { refreshing } from "./refresh";
import { selectLists } from "./select";
import { followTurns } from "./turns";
import { uploadForms } from "./upload";

arrangeLists();
counting();
printButtons();
refreshing();
selectLists();
uploadForms();
followLook();
followTurns();

for (const button of document.querySelectorAll<HTMLElement>("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}

document.addEventListener("click", (event) => {
  const target = event.target;
  if (!(target instanceof Element) || target.closest("a, button, input, select, summary, label")) return;
  const row = target.closest("[data-rows] tbody tr");
  const link = row?.querySelector<HTMLAnchorElement>("th a");
  // Selecting text in a cell ends with a click too; that is not a wish to leave.
  if (!link || window.getSelection()?.toString()) return;
  if (event.ctrlKey || event.metaKey) window.open(link.href, "_blank", "noopener");
  else link.click();
});
