/** `data-confirm="question"` on a form or its button: asks in a <dialog> first. Without scripts the form just posts. */
import { word } from "./words";

const agreed = new WeakSet<HTMLFormElement>();

export function confirmForms(): void {
  document.addEventListener(
    "submit",
    (event) => {
      const form = event.target;
      if (!(form instanceof HTMLFormElement)) return;
      const submitter = event.submitter;
      const question = submitter?.dataset.confirm ?? form.dataset.confirm;
      if (!question || agreed.delete(form)) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      ask(
        question,
        submitter?.textContent?.trim() || word("yes"),
        submitter?.classList.contains("button-danger") ?? false,
        () => {
          agreed.add(form);
          form.requestSubmit(submitter);
        },
      );
    },
    true,
  );
}

function ask(question: string, yes: string, danger: boolean, then: () => void): void {
  const dialog = document.createElement("dialog");
  dialog.className = "dialog";
  const text = document.createElement("p");
  text.id = "dialog-question";
  text.textContent = question;
  dialog.setAttribute("aria-labelledby", text.id);
  const acts = document.createElement("div");
  acts.className = "dialog-acts";
  const cancel = makeButton(word("cancel"), "button button-quiet", () => dialog.close());
  const agree = makeButton(yes, danger ? "button button-danger" : "button button-primary", () => {
    dialog.close();
    then();
  });
  acts.append(cancel, agree);
  dialog.append(text, acts);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  cancel.focus();
}

function makeButton(label: string, className: string, act: () => void): HTMLButtonElement {
  const button = document.createElement("button");
  button.type = "button";
  button.className = className;
  button.textContent = label;
  button.addEventListener("click", act);
  return button;
}
