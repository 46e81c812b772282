/**
 * Talking to the portal: the state, the acts, and the stream that says when to ask again.
 *
 * Proxies break streams, laptops sleep, tokens expire: each of these is met here and none of them shows in the page. A
 * stream that is not heard for a while counts as broken; then the state is asked for now and then, ever less often while
 * nothing changes, until a stream holds again. A page nobody looks at asks for nothing.
 *
 * Frames and windows of one product share a stream, since a browser opens few connections to one server: whoever holds
 * the lock listens, and tells the others.
 */
import type { State } from "./shapes";

const SILENCE = 50_000;
const PATIENCE = 8_000;
const POLL = { first: 8_000, last: 120_000, growth: 1.5 };
const STREAM_AGAIN = 300_000;

export interface Session {
  portal: string;
  key: string;
  /** Whose stream may be shared: the same for all frames of the same person. */
  who: string;
  token: string;
  locale: string;
  refresh: (() => string | Promise<string>) | undefined;
}

export interface Ears {
  state(state: State): void;
  /** The token is no longer good, and there is no other. */
  expired(): void;
  /** Whether the portal can be reached. */
  reachable(yes: boolean): void;
}

export class Refused extends Error {
  constructor(readonly status: number) {
    super(`the portal answered ${status}`);
  }
}

export class Client {
  #session: Session;
  #ears: Ears;
  #tag = "";
  #over = false;
  #quiet = false;
  #renewing: Promise<boolean> | undefined;
  #asking: Promise<void> | undefined;
  #again = false;
  #stream: AbortController | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #wait = POLL.first;
  #broken = 0;
  #streamAfter = 0;
  #others: BroadcastChannel | undefined;

  constructor(session: Session, ears: Ears) {
    this.#session = session;
    this.#ears = ears;
    try {
      this.#others = new BroadcastChannel(this.#room());
      this.#others.onmessage = () => {
        if (this.#stream) void this.refresh();
      };
    } catch {
      // A frame without an origin is alone, and listens for itself.
    }
    addEventListener("online", this.#wake);
    addEventListener("pagehide", this.#sleep);
    addEventListener("pageshow", this.#wake);
    document.addEventListener("visibilitychange", this.#look);
  }

  /** Ask for the state, and go on hearing of changes. */
  start(): void {
    this.#wake();
  }

  /** Stop for good: what still comes in is not heard. */
  stop(): void {
    this.#over = true;
    this.#sleep();
    this.#others?.close();
    removeEventListener("online", this.#wake);
    removeEventListener("pagehide", this.#sleep);
    removeEventListener("pageshow", this.#wake);
    document.removeEventListener("visibilitychange", this.#look);
  }

  /** The same person, another token. */
  renew(token: string): void {
    this.#session.token = token;
    this.#quiet = false;
    this.#wake();
  }

  speak(locale: string): void {
    this.#session.locale = locale;
    this.#tag = "";
    void this.refresh();
  }

  /** Ask for the state now. Two at once are one, and a third waits for an answer that is newer than its question. */
  refresh(): Promise<void> {
    if (this.#asking) {
      this.#again = true;
      return this.#asking;
    }
    const asking = this.#ask().finally(() => {
      this.#asking = undefined;
      if (this.#again && !this.#over) {
        this.#again = false;
        void this.refresh();
      }
    });
    this.#asking = asking;
    return asking;
  }

  /** An act that answers with the state as it is afterwards. */
  async act(method: string, path: string, body?: unknown): Promise<void> {
    const answer = await this.call(method, path, body);
    await this.#take(answer);
  }

  /** The JSON that a path answers. */
  async get<T>(path: string): Promise<T> {
    return (await (await this.call("GET", path)).json()) as T;
  }

  /** One request; `Refused` for an answer that is an error. A token that has expired is renewed, once. */
  async call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Response> {
    for (let fresh = false; ; fresh = true) {
      const answer = await this.#send(method, path, body, headers);
      if (answer.ok || answer.status === 304) return answer;
      if (answer.status !== 401 || fresh || !(await this.#renew())) {
        if (answer.status === 401 && !this.#over && !this.#quiet) {
          this.#quiet = true;
          this.#sleep();
          this.#ears.expired();
        }
        throw new Refused(answer.status);
      }
    }
  }

  async #send(
    method: string,
    path: string,
    body: unknown,
    headers: Record<string, string>,
    signal?: AbortSignal,
  ): Promise<Response> {
    const { portal, key, token, locale } = this.#session;
    const mark = path.indexOf("?") < 0 ? "?" : "&";
    try {
      const answer = await fetch(`${portal}/api/v1/widget${path}${mark}locale=${encodeURIComponent(locale)}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          "banso-key": key,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...headers,
        },
        credentials: "omit",
        cache: "no-store",
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(signal ? { signal } : {}),
      });
      if (!this.#over) this.#ears.reachable(true);
      return answer;
    } catch (error) {
      if (!this.#over && !signal?.aborted) this.#ears.reachable(false);
      throw error;
    }
  }

  #renew(): Promise<boolean> {
    this.#renewing ??= (async () => {
      try {
        const token = await this.#session.refresh?.();
        if (typeof token !== "string" || !token) return false;
        this.#session.token = token;
        return true;
      } catch {
        return false;
      } finally {
        this.#renewing = undefined;
      }
    })();
    return this.#renewing;
  }

  async #ask(): Promise<void> {
    try {
      await this.#take(await this.call("GET", "/state", undefined, this.#tag ? { "if-none-match": this.#tag } : {}));
    } catch {
      // Said already, by `reachable` or `expired`; what is shown stays.
    }
  }

  async #take(answer: Response): Promise<void> {
    if (answer.status === 304) return;
    const tag = answer.headers.get("etag") ?? "";
    const state = (await answer.json()) as State;
    if (this.#over || (tag && tag === this.#tag)) return;
    this.#tag = tag;
    this.#wait = POLL.first;
    this.#ears.state(state);
  }

  // --- hearing of changes ---------------------------------------------------------------------------------------------

  #look = (): void => {
    if (document.visibilityState === "hidden") this.#sleep();
    else this.#wake();
  };

  #wake = (): void => {
    if (this.#over || this.#quiet || document.visibilityState === "hidden") return;
    this.#wait = POLL.first;
    void this.refresh();
    if (!this.#stream) void this.#listen();
  };

  #sleep = (): void => {
    clearTimeout(this.#timer);
    this.#stream?.abort();
    this.#stream = undefined;
  };

  async #listen(): Promise<void> {
    const mine = new AbortController();
    this.#stream = mine;
    clearTimeout(this.#timer);
    let heard = false;
    try {
      heard = await this.#inTurn(mine);
    } catch {
      // A stream ends in one of many ways, and none of them matters more than that it did.
    }
    mine.abort();
    if (this.#stream !== mine) return;
    this.#broken = heard ? 0 : this.#broken + 1;
    this.#streamAfter = Date.now() + (heard ? 1000 : this.#broken < 3 ? 2000 * this.#broken : STREAM_AGAIN);
    this.#poll();
  }

  /** `#hear` once nobody else of this room does; at once where the browser has no locks to be had. */
  async #inTurn(mine: AbortController): Promise<boolean> {
    let begun = false;
    const turn = (): Promise<boolean> => {
      begun = true;
      return this.#hear(mine);
    };
    try {
      return await navigator.locks.request(this.#room(), { signal: mine.signal }, turn);
    } catch (error) {
      if (begun || mine.signal.aborted) throw error;
      return turn();
    }
  }

  #room(): string {
    return `banso ${this.#session.portal} ${this.#session.who}`;
  }

  /** Whether the portal was heard on the stream, which is over when this answers. */
  async #hear(mine: AbortController): Promise<boolean> {
    let watch = setTimeout(() => mine.abort(), PATIENCE);
    let heard = false;
    try {
      const answer = await this.#send("GET", "/stream", undefined, {}, mine.signal);
      if (answer.status === 401 && (await this.#renew())) return true;
      if (!answer.ok || !answer.body) return false;
      const reader = answer.body.getReader();
      const decoder = new TextDecoder();
      for (let text = ""; ; ) {
        const { done, value } = await reader.read();
        if (done) return heard;
        clearTimeout(watch);
        watch = setTimeout(() => mine.abort(), SILENCE);
        text += decoder.decode(value, { stream: true });
        const parts = text.split("\n\n");
        text = parts.pop() ?? "";
        for (const part of parts) {
          // What happened before the stream was there, nobody said: so its first word asks, too.
          if (/event: (hello|changed)/.test(part)) {
            void this.refresh();
            this.#others?.postMessage(0);
          }
          heard = true;
        }
      }
    } catch {
      return heard;
    } finally {
      clearTimeout(watch);
    }
  }

  #poll(): void {
    if (this.#over || this.#quiet) return;
    const next = Math.min(this.#wait, Math.max(0, this.#streamAfter - Date.now()) || this.#wait);
    this.#timer = setTimeout(
      () => {
        if (Date.now() >= this.#streamAfter) {
          void this.#listen();
          return;
        }
        this.#wait = Math.min(POLL.last, this.#wait * POLL.growth);
        void this.refresh().finally(() => this.#poll());
      },
      next * (0.85 + Math.random() * 0.3),
    );
  }
}
