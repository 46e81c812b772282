/**
 * The widget as a host page sees it. This file is both the source of the types and what `/widget/banso.d.ts` serves:
 * copy it into your project, or name it in `tsconfig.json`.
 */

/** A step as callbacks and events tell of it. */
export interface BansoStep {
  checklist: string;
  step: string;
  title: string;
  /** Where in the product the step is done, if its checklist says so. */
  url?: string;
}

export interface BansoOptions {
  /** The public key of the source: `pk_…`. */
  key: string;
  /** A token that your server signed for whoever is signed in. */
  token: string;
  /** `ja` or `en`; default: the member's own choice, else the page's language. */
  locale?: string;
  /** `light`, `dark` or `auto`; default: what the vendor has chosen. */
  theme?: "light" | "dark" | "auto";
  /** The nonce of your policy, for browsers without constructable style sheets. */
  nonce?: string;
  /** Asked for a fresh token when the one in use has expired. No reload is needed. */
  refresh?: () => string | Promise<string>;
  /** Called by the button of a step. Answer `true` and the panel closes. Without it there is no such button. */
  onStep?: (step: BansoStep) => unknown;
  /** Where the portal is; default: where the script came from. */
  portal?: string;
}

export interface BansoEvents {
  /** The state was read for the first time. */
  ready: { member: string; account: string };
  step_completed: BansoStep;
  completed: { checklist: string; title: string };
  dismissed: { checklist: string };
  opened: Record<string, never>;
  closed: Record<string, never>;
  /** The token has expired and nobody gave a fresh one. */
  token_expired: Record<string, never>;
}

export interface BansoPlace {
  /** The id of a document to open. */
  document?: string;
  /** Words to search the library for. */
  search?: string;
}

export interface BansoApi {
  /** Begin, or change what was begun: another token of the same person, another person, another language. */
  boot(options: BansoOptions): void;
  /** Go on with another token, of the same person or of another. */
  identify(token: string): void;
  /** Tell of something the person did; it counts for them and their company. */
  track(event: string, properties?: Record<string, unknown>): void;
  /** Open the panel, at its checklist or at a place of the library. */
  open(place?: BansoPlace): void;
  close(): void;
  /** Listen; the answer ends it. A listener that throws harms nobody. */
  on<Name extends keyof BansoEvents>(name: Name, listener: (told: BansoEvents[Name]) => void): () => void;
  /** Forget the person and take the widget off the page: when they sign out. */
  reset(): void;
}

declare global {
  interface Window {
    Banso?: BansoApi;
  }
}
