/**
 * `/check`: each line is tried in this very browser, and says ✓ or ✗ with what to do. Whatever takes longer than eight
 * seconds does not work.
 */
import { announce } from "./announce";

const LONGEST = 8000;
/** Words that are sent a second apart must not come together. */
const APART = 400;
const list = document.querySelector<HTMLElement>("#check-list");

const checks: Record<string, () => Promise<boolean>> = {
  script: async () => true,
  secure: async () => window.isSecureContext,
  cookies: async () => {
    const answer = await fetch("/check/cookie", { cache: "no-store" });
    return (await answer.json()).cookie === true;
  },
  forms: async () => {
    const headers = { "X-CSRF-Token": list?.dataset.csrf ?? "" };
    return (await fetch("/check/form", { method: "POST", headers })).status === 204;
  },
  stream: async () => {
    const answer = await fetch("/check/stream", { headers: { Accept: "text/event-stream" }, cache: "no-store" });
    const reader = answer.body?.getReader();
    if (!reader || !answer.ok) return false;
    let first = 0;
    for (let got = await reader.read(); !got.done; got = await reader.read()) {
      const now = performance.now();
      if (new TextDecoder().decode(got.value).includes("data: 2")) return first > 0 && now - first > APART;
      first ||= now;
    }
    return false;
  },
  video: () =>
    new Promise((done) => {
      const film = document.createElement("video");
      film.muted = true;
      film.playsInline = true;
      film.addEventListener("timeupdate", () => film.currentTime > 0 && done(true));
      film.addEventListener("ended", () => done(true));
      film.addEventListener("error", () => done(false));
      film.src = list?.dataset.video ?? "";
      film.play().catch(() => done(false));
    }),
  mp4: async () => document.createElement("video").canPlayType('video/mp4; codecs="avc1.42E01E, mp4a.40.2"') !== "",
};

async function tried(check: () => Promise<boolean>): Promise<boolean> {
  const late = new Promise<boolean>((done) => setTimeout(() => done(false), LONGEST));
  try {
    return await Promise.race([check(), late]);
  } catch {
    return false;
  }
}

function show(line: HTMLElement, state: "" | "yes" | "no"): void {
  const badge = document.createElement("span");
  const words = list?.dataset ?? {};
  badge.className = state === "yes" ? "badge badge-good" : state === "no" ? "badge badge-bad" : "badge";
  badge.textContent =
    state === "yes" ? `✓ ${words.works}` : state === "no" ? `✗ ${words.fails}` : (words.checking ?? "");
  const place = line.querySelector<HTMLElement>("[data-state]");
  if (place) {
    place.dataset.state = state;
    place.replaceChildren(badge);
  }
  line.querySelector<HTMLElement>("[data-remedy]")?.toggleAttribute("hidden", state !== "no");
}

async function look(line: HTMLElement): Promise<boolean> {
  const check = checks[line.dataset.check ?? ""];
  if (!check) return true;
  show(line, "");
  const works = await tried(check);
  show(line, works ? "yes" : "no");
  return works;
}

if (list) {
  const lines = [...list.querySelectorAll<HTMLElement>("[data-check]")];
  void Promise.all(lines.map(look)).then((works) => {
    const sum = document.querySelector<HTMLElement>("#check-sum");
    const said = (works.every(Boolean) ? list.dataset.all : list.dataset.some) ?? "";
    if (sum) {
      sum.hidden = false;
      sum.textContent = said;
    }
    announce(said);
  });
}
