/**
 * Where pictures come from. The editor knows none itself; what does (an upload, a library to pick from) says so here,
 * and the dialog, paste and drop use it from then on.
 */
export interface Pictures {
  /** Show in `place` what can be picked; whoever picks fills `target` and `alt` of `form`. */
  offer?: (place: HTMLElement, form: HTMLFormElement) => void;
  /** Take files that were pasted or dropped; answers the markdown for each, in their order. */
  take?: (files: readonly File[]) => Promise<readonly string[]>;
}

export const pictures: Pictures = {};
