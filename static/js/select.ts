/** Lists to select from: one box that ticks all others on the page. Without scripts each is ticked by hand. */
export function selectLists(): void {
  for (const form of document.querySelectorAll<HTMLFormElement>("form[data-select]")) {
    const label = form.querySelector<HTMLElement>("[data-select-all]");
    const all = label?.querySelector<HTMLInputElement>("input");
    if (!label || !all) continue;
    label.hidden = false;
    const boxes = [...form.querySelectorAll<HTMLInputElement>('input[name="account"]')];
    const show = () => {
      const ticked = boxes.filter((box) => box.checked).length;
      all.checked = ticked > 0 && ticked === boxes.length;
      all.indeterminate = ticked > 0 && ticked < boxes.length;
    };
    all.addEventListener("change", () => {
      for (const box of boxes) box.checked = all.checked;
    });
    form.addEventListener("change", show);
    show();
  }
}
