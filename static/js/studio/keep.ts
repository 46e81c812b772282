/** What was typed is kept on the server a moment later, so that a closed tab or a dead battery costs nothing. */
import type { Editor } from "./editor";

const PAUSE = 1500;

export function keepTyped(form: HTMLFormElement, editor: Editor): void {
  const shown = [...form.querySelectorAll<HTMLElement>("[data-editor-state]")];
  let timer: ReturnType<typeof setTimeout> | undefined;
  let asking: AbortController | undefined;
  let isKept = true;
  let isLeaving = false;
  let isDirty = form.dataset.dirty === "1";

  const say = (word: string): void => {
    for (const one of shown) one.textContent = word;
  };
  const keep = async (): Promise<void> => {
    asking?.abort();
    asking = new AbortController();
    const sent = await fetch(`${form.dataset.editor}/unsaved`, {
      method: "POST",
      body: new FormData(form),
      signal: asking.signal,
    });
    if (!sent.ok) throw new Error(`answered ${sent.status}`);
    isKept = true;
    say(`${form.dataset.wordKept} · ${new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}`);
  };
  const soon = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      void keep().catch((error: unknown) => {
        if (error instanceof DOMException && error.name === "AbortError") return;
        say(form.dataset.wordFailed ?? "");
      });
    }, PAUSE);
  };
  editor.onChange(() => {
    isDirty = true;
    isKept = false;
    say(form.dataset.wordUnsaved ?? "");
    soon();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden" && !isKept && !isLeaving) void keep().catch(() => undefined);
  });
  form.addEventListener("submit", () => {
    isLeaving = true;
    clearTimeout(timer);
    asking?.abort();
  });
  window.addEventListener("beforeunload", (event) => {
    // What is kept is there when one comes back; only what is not yet kept is worth a question.
    if (isDirty && !isKept && !isLeaving) event.preventDefault();
  });
}
