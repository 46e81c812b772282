/**
 * Pictures for the editor: picked from those there are, or sent from this device by the dialog, by paste or by drop.
 */
import { announce } from "../announce";
import { type Medium, sendFile } from "../upload";
import { pictures } from "./pictures";

export function offerPictures(form: HTMLFormElement): void {
  const csrf = form.querySelector<HTMLInputElement>("input[name=csrf]")?.value ?? "";
  pictures.offer = (place, dialog) => {
    if (!place.childElementCount) furnish(place, dialog, csrf);
    void show(place, dialog, "");
  };
  pictures.take = async (files) => {
    const texts: string[] = [];
    for (const file of files) {
      try {
        texts.push((await sendFile(file, { csrf })).markdown);
      } catch (error) {
        announce((error instanceof Error && error.message) || failed());
      }
    }
    return texts;
  };
}

function failed(): string {
  return document.querySelector<HTMLElement>("[data-picker=image]")?.dataset.wordFailed ?? "";
}

/** The search line, the place for what it finds, and the field for a new picture. */
function furnish(place: HTMLElement, dialog: HTMLFormElement, csrf: string): void {
  const { wordSearch = "", wordUpload = "" } = place.dataset;
  const search = document.createElement("input");
  search.type = "search";
  search.className = "input";
  search.setAttribute("aria-label", wordSearch);
  search.placeholder = wordSearch;
  search.addEventListener("input", () => void show(place, dialog, search.value));
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault();
  });
  const grid = document.createElement("div");
  grid.className = "media-grid studio-picker";
  const label = document.createElement("label");
  label.className = "field";
  const words = document.createElement("span");
  words.className = "label";
  words.textContent = wordUpload;
  const file = document.createElement("input");
  file.type = "file";
  file.accept = "image/*";
  file.className = "input";
  file.addEventListener("change", () => {
    const chosen = file.files?.[0];
    file.value = "";
    if (!chosen) return;
    sendFile(chosen, { csrf }).then(
      (medium) => pick(medium, dialog),
      (error) => announce((error instanceof Error && error.message) || failed()),
    );
  });
  label.append(words, file);
  place.append(search, grid, label);
}

async function show(place: HTMLElement, dialog: HTMLFormElement, query: string): Promise<void> {
  const grid = place.querySelector<HTMLElement>(".studio-picker");
  if (!grid) return;
  const url = `/staff/media/pick?${new URLSearchParams({ kind: "image", q: query })}`;
  grid.dataset.asked = url;
  const answer = await fetch(url, { headers: { Accept: "application/json" } }).catch(() => null);
  // An answer that comes after the next question is no answer to it.
  if (!answer?.ok || grid.dataset.asked !== url) return;
  const found = (await answer.json()) as { items: Medium[] };
  grid.replaceChildren(...found.items.map((medium) => card(medium, dialog)));
  if (!found.items.length) grid.textContent = place.dataset.wordNone ?? "";
}

function card(medium: Medium, dialog: HTMLFormElement): HTMLElement {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "media-card";
  const thumb = document.createElement("span");
  thumb.className = "media-thumb";
  const image = document.createElement("img");
  image.src = medium.preview;
  image.alt = "";
  image.loading = "lazy";
  thumb.append(image);
  const name = document.createElement("span");
  name.className = "media-name";
  name.textContent = medium.name;
  button.append(thumb, name);
  button.addEventListener("click", () => pick(medium, dialog));
  return button;
}

function pick(medium: Medium, dialog: HTMLFormElement): void {
  const field = (name: string): HTMLInputElement | null => {
    const found = dialog.elements.namedItem(name);
    return found instanceof HTMLInputElement ? found : null;
  };
  const [target, alt] = [field("target"), field("alt")];
  if (target) target.value = `media:${medium.key}`;
  if (alt && !alt.value) alt.value = medium.alt;
  alt?.focus();
}
