/**
 * The comfortable editor, for those who write: loaded on that page alone. Without it the form is a plain textarea that
 * can do all the same things.
 */
import { openDialogs } from "./dialogs";
import { makeEditor } from "./editor";
import { keepTyped } from "./keep";
import { offerPictures } from "./library";
import { followPreview } from "./preview";
import { chooseView } from "./views";

const form = document.querySelector<HTMLFormElement>("form[data-editor]");
const body = form?.querySelector<HTMLTextAreaElement>("textarea[name=body]");
if (form && body) {
  const editor = makeEditor(form, body);
  const tools = form.querySelector<HTMLElement>("[data-editor-tools]");
  if (tools) {
    tools.hidden = false;
    openDialogs(tools, editor);
    chooseView(form, tools);
  }
  offerPictures(form);
  followPreview(form, editor);
  keepTyped(form, editor);
  // What opens at the foot of the page opens below the bar of buttons: bring it to where it is seen.
  form.querySelector("#fields > summary")?.addEventListener("click", (event) => {
    const fold = (event.currentTarget as HTMLElement).parentElement as HTMLDetailsElement;
    if (!fold.open) requestAnimationFrame(() => fold.scrollIntoView({ block: "start" }));
  });
  // The preview follows by itself.
  for (const plain of form.querySelectorAll("[data-editor-plain]")) plain.remove();
}
