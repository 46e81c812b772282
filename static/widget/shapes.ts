/** What the portal answers: see `portal/widget/state.py`, which makes it. */

export interface Guide {
  kind: "document" | "tutorial" | "webinar";
  key: string;
  title: string;
  url: string;
}

export interface Step {
  key: string;
  number: number;
  title: string;
  text: string;
  look: "done" | "next" | "late" | "waiting" | "staff";
  word: string;
  tag: string | null;
  tone: string;
  note: string | null;
  why: string | null;
  remarks: string[];
  counts: { text: string; done: number; total: number }[];
  guide: Guide | null;
  url: string | null;
  done: boolean;
  required: boolean;
  own: boolean;
  can_tick: boolean;
  can_undo: boolean;
}

export interface Dismissed {
  for: "me" | "everyone";
  until: string | null;
  by: string;
  can_undo: boolean;
}

export interface Checklist {
  key: string;
  title: string;
  status: string;
  done: number;
  total: number;
  progress: string;
  due: string | null;
  is_overdue: boolean;
  completed_at: string | null;
  next: string | null;
  url: string;
  dismissed: Dismissed | null;
  steps: Step[];
}

export interface Theme {
  accent: string;
  accent_dark: string;
  /** The ink of words on each. */
  ink: string;
  ink_dark: string;
  radius: number;
  position: "right" | "left" | "inline";
  scheme: "auto" | "light" | "dark";
  launcher: string;
}

export interface State {
  locale: "ja" | "en";
  member: { id: string; name: string; is_admin: boolean };
  account: { id: string; name: string };
  checklists: Checklist[];
  theme: Theme;
  portal: { name: string; url: string; help_url: string };
}

export interface Found {
  key: string;
  title: string;
  shelf: string;
  url: string;
}

/** A node of a document: a text, or a tag with its attributes and children. */
export type Branch = string | [string, ...(Record<string, string> | Branch)[]];

export interface Doc {
  key: string;
  title: string;
  lang: string;
  url: string;
  /** For how many seconds it is in sight before it counts as read. */
  read_after: number;
  body: Branch[];
}
