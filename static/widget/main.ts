/**
 * The widget's beginning and its API. Nothing in here throws into the page: whatever goes wrong stays here, and the
 * product goes on as if there were no widget.
 *
 * Calls made before this file arrived wait in an array that the snippet has put in its place; they are made now, in
 * their order.
 */
import type { BansoApi, BansoEvents, BansoOptions, BansoPlace, BansoStep } from "./api";
import { Client } from "./client";
import { define, type Host } from "./element";
import type { Checklist, State } from "./shapes";

type Name = keyof BansoEvents;
type Listener = (told: never) => void;

const home = (() => {
  try {
    const source = (document.currentScript as HTMLScriptElement | null)?.src ?? "";
    return source.replace(/\/widget\/banso\.js.*$/, "");
  } catch {
    return "";
  }
})();

const listeners = new Map<string, Set<Listener>>();
let options: BansoOptions | undefined;
let client: Client | undefined;
let host: Host | undefined;
let known: State | undefined;
let who = "";

/** What a page may do to us, done safely: a mistake, ours or the page's, is told to the console and to nobody else. */
function guarded<A extends unknown[], R>(act: (...given: A) => R, otherwise: R): (...given: A) => R {
  return (...given) => {
    try {
      return act(...given);
    } catch (error) {
      complain(error);
      return otherwise;
    }
  };
}

function complain(error: unknown): void {
  try {
    console.warn("[banso]", error);
  } catch {
    // A page without a console hears nothing.
  }
}

function emit<N extends Name>(name: N, told: BansoEvents[N]): void {
  for (const listener of [...(listeners.get(name) ?? [])]) {
    try {
      listener(told as never);
    } catch (error) {
      complain(error);
    }
  }
}

/** Who a token is about; the portal decides whether it is true. */
function subject(token: string): string {
  try {
    const part = (token.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/");
    const claims = JSON.parse(atob(part)) as { sub: string; account: string };
    return `${claims.account}\n${claims.sub}`;
  } catch {
    return token;
  }
}

function boot(given: BansoOptions): void {
  if (!given || typeof given.key !== "string" || typeof given.token !== "string") {
    complain("boot needs a key and a token");
    return;
  }
  const person = `${given.key}\n${subject(given.token)}`;
  const same = client && person === who;
  const before = options;
  options = { ...given };
  if (!same) begin(person);
  else {
    if (before?.token !== given.token) client?.renew(given.token);
    if (before?.locale !== given.locale) client?.speak(language());
    if (known) host?.show(known);
  }
}

function language(): string {
  return options?.locale ?? "";
}

function begin(person: string): void {
  forget();
  if (!options) return;
  who = person;
  const mine = new Client(
    {
      portal: (options.portal ?? home).replace(/\/+$/, ""),
      key: options.key,
      who: person,
      token: options.token,
      locale: language(),
      refresh: () => options?.refresh?.() ?? "",
    },
    {
      state: (state) => {
        if (client === mine) took(state);
      },
      expired: () => emit("token_expired", {}),
      reachable: (yes) => host?.reachable(yes),
    },
  );
  client = mine;
  host = define({
    client: mine,
    options: () => options as BansoOptions,
    emit,
    onStep: (step: BansoStep) => options?.onStep?.(step),
    complain,
  });
  mine.start();
}

function took(state: State): void {
  const before = known;
  known = state;
  host?.show(state);
  if (before) compare(before, state);
  else emit("ready", { member: state.member.id, account: state.account.id });
}

/** Tell the page, and whoever listens to the panel, what is done now and was not before. */
function compare(before: State, after: State): void {
  for (const checklist of after.checklists) {
    const old = before.checklists.find((one) => one.key === checklist.key);
    if (!old) continue;
    for (const step of checklist.steps) {
      const was = old.steps.find((one) => one.key === step.key);
      if (was && !was.done && step.done) {
        host?.ticked(checklist, step.title);
        emit("step_completed", { checklist: checklist.key, step: step.key, title: step.title });
      }
    }
    if (!old.completed_at && checklist.completed_at) finished(checklist);
    if (!old.dismissed && checklist.dismissed) emit("dismissed", { checklist: checklist.key });
  }
}

function finished(checklist: Checklist): void {
  host?.celebrate(checklist);
  emit("completed", { checklist: checklist.key, title: checklist.title });
}

function forget(): void {
  client?.stop();
  host?.remove();
  client = host = known = undefined;
  who = "";
}

const api: BansoApi = {
  boot: guarded(boot, undefined),
  identify: guarded((token: string) => {
    if (options) boot({ ...options, token });
  }, undefined),
  track: guarded((event: string, properties?: Record<string, unknown>) => {
    // A page without HTTPS has no `randomUUID`; the portal then gives the event its id.
    const messageId = crypto.randomUUID?.();
    const told = { event, properties: properties ?? {}, messageId, timestamp: new Date() };
    void client?.call("POST", "/events", { events: [told] }).catch(complain);
  }, undefined),
  open: guarded((place?: BansoPlace) => host?.open(place), undefined),
  close: guarded(() => host?.close(), undefined),
  on: guarded(
    (name: Name, listener: Listener) => {
      const there = listeners.get(name) ?? new Set();
      listeners.set(name, there.add(listener));
      return () => void there.delete(listener);
    },
    () => undefined,
  ) as BansoApi["on"],
  reset: guarded(() => {
    forget();
    options = undefined;
  }, undefined),
};

guarded(() => {
  const waiting = window.Banso as unknown;
  // Twice on one page, the first goes on.
  if (waiting && !Array.isArray(waiting) && "reset" in (waiting as object)) return;
  window.Banso = api;
  if (!Array.isArray(waiting)) return;
  for (const call of waiting as [keyof BansoApi, ...unknown[]][]) {
    const [name, ...given] = call;
    const act = api[name] as ((...given: unknown[]) => unknown) | undefined;
    act?.(...given);
  }
}, undefined)();
