/** The preview beside the text: written by the server on the same path as publishing, a moment after typing stops. */
import { copyButtons } from "../copy";
import { stopButtons } from "../moving";
import type { Editor } from "./editor";
import { followScrolling } from "./scrolling";

const PAUSE = 350;

export function followPreview(form: HTMLFormElement, editor: Editor): void {
  const read = form.querySelector<HTMLElement>(".studio-read");
  const follow = read ? followScrolling(editor.view, read) : undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let asking: AbortController | undefined;
  const show = async (): Promise<void> => {
    asking?.abort();
    asking = new AbortController();
    const answer = await fetch(`${form.dataset.editor}/preview`, {
      method: "POST",
      body: new FormData(form),
      signal: asking.signal,
    });
    if (!answer.ok) return;
    const part = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("#sight");
    const old = document.querySelector("#sight");
    if (!part || !old) return;
    const adopted = document.importNode(part, true);
    old.replaceWith(adopted);
    copyButtons(adopted);
    stopButtons(adopted);
    follow?.();
  };
  editor.onChange(() => {
    clearTimeout(timer);
    timer = setTimeout(() => void show().catch(() => undefined), PAUSE);
  });
}
