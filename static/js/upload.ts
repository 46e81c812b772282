/**
 * `form[data-upload]`: files are dropped on it, pasted anywhere on the page or chosen, and sent one by one, each with
 * its progress. Without scripts the form sends them all at once. An editor uses `sendFile` for what is pasted into it.
 */
import { announce } from "./announce";

/** A medium as the portal answers; `markdown` is the line that shows it in a text. */
export interface Medium {
  key: string;
  kind: "image" | "video" | "file";
  name: string;
  alt: string;
  about: string;
  url: string;
  preview: string;
  width: number;
  height: number;
  markdown: string;
  page: string;
}

/** Send one file. Fails with a sentence in the reader's language where the portal gives one, else with "". */
export function sendFile(
  file: File,
  { csrf, alt = "", progress }: { csrf: string; alt?: string; progress?: (share: number) => void },
): Promise<Medium> {
  return new Promise((resolve, reject) => {
    const data = new FormData();
    data.append("csrf", csrf);
    data.append("alt", alt);
    data.append("file", file, file.name || "image.png");
    // fetch tells nothing of what is on its way out.
    const request = new XMLHttpRequest();
    request.open("POST", "/staff/media");
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("X-CSRF-Token", csrf);
    request.responseType = "json";
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) progress?.(event.loaded / event.total);
    });
    request.addEventListener("error", () => reject(new Error("")));
    request.addEventListener("load", () => {
      const answer = request.response as { items?: Medium[]; problems?: { message: string }[] } | null;
      const kept = answer?.items?.[0];
      if (kept) resolve(kept);
      else reject(new Error(answer?.problems?.[0]?.message ?? ""));
    });
    request.send(data);
  });
}

export function uploadForms(): void {
  const form = document.querySelector<HTMLFormElement>("form[data-upload]");
  const list = form?.querySelector<HTMLElement>("[data-upload-list]");
  const input = form?.querySelector<HTMLInputElement>("input[type=file]");
  if (!form || !list || !input) return;
  const csrf = form.querySelector<HTMLInputElement>("input[name=csrf]")?.value ?? "";
  const take = (files: FileList | File[]): void => {
    void sendAll([...files], form, list, csrf);
  };
  form.addEventListener("submit", (event) => {
    if (!input.files?.length) return;
    event.preventDefault();
    take(input.files);
    input.value = "";
  });
  input.addEventListener("change", () => form.requestSubmit());
  document.addEventListener("paste", (event) => {
    const files = event.clipboardData?.files;
    if (files?.length) {
      event.preventDefault();
      take(files);
    }
  });
  for (const name of ["dragenter", "dragover"]) {
    form.addEventListener(name, (event) => {
      event.preventDefault();
      form.dataset.over = "";
    });
  }
  for (const name of ["dragleave", "drop"]) form.addEventListener(name, () => delete form.dataset.over);
  form.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer?.files.length) take(event.dataTransfer.files);
  });
}

async function sendAll(files: File[], form: HTMLFormElement, list: HTMLElement, csrf: string): Promise<void> {
  let failed = false;
  let last: Medium | undefined;
  for (const file of files) {
    const line = document.createElement("li");
    const bar = document.createElement("progress");
    const name = file.name || "image.png";
    line.append(name, bar);
    bar.setAttribute("aria-label", `${form.dataset.wordSending ?? ""} ${name}`);
    list.append(line);
    try {
      last = await sendFile(file, {
        csrf,
        progress: (share) => {
          bar.value = share;
        },
      });
      bar.value = 1;
    } catch (error) {
      failed = true;
      const said = (error instanceof Error && error.message) || form.dataset.wordFailed || "";
      const problem = document.createElement("p");
      problem.className = "field-error";
      problem.textContent = said;
      bar.remove();
      line.append(problem);
      announce(`${name}: ${said}`);
    }
  }
  // What could not be taken stays to be read; otherwise on to what there is now.
  if (!failed && last) location.assign(files.length === 1 ? last.page : "/staff/media");
}
