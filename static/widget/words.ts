/** The panel's own words; what is said of checklists and steps comes from the portal in the reader's language. */

const en = {
  help: "Help",
  close: "Close",
  back: "Back",
  more: "More",
  todo: "Getting started",
  ofDone: "$1 of $2 done",
  tick: "Mark as done",
  tickOwn: "My part is done",
  undo: "Undo",
  read: "Read",
  tutorial: "Start the tutorial",
  watch: "Watch",
  start: "Do it now",
  later: "Hide for 3 days",
  hide: "Do not show me this",
  hideAll: "Hide for everyone here",
  hidden: "“$1” is hidden.",
  hiddenAll: "$2 has hidden “$1” for everyone.",
  show: "Show again",
  search: "Search the help",
  none: "Nothing found. Try another word.",
  portal: "Open $1",
  inPortal: "Open in the portal",
  done: "All done. Well done!",
  ticked: "“$1” is done. $2.",
  offline: "You are offline. Everything comes back with the connection.",
  failed: "That did not work. Please try again.",
  empty: "There is nothing to do at the moment.",
  newTab: "opens in a new tab",
  optional: "Still yours to try",
};

const ja: typeof en = {
  help: "ヘルプ",
  close: "閉じる",
  back: "戻る",
  more: "その他",
  todo: "はじめかた",
  ofDone: "$2件中$1件完了",
  tick: "完了にする",
  tickOwn: "自分の分を完了にする",
  undo: "元に戻す",
  read: "読む",
  tutorial: "チュートリアルを始める",
  watch: "見る",
  start: "この手順へ進む",
  later: "3日間隠す",
  hide: "自分には表示しない",
  hideAll: "全員に表示しない",
  hidden: "「$1」を隠しました。",
  hiddenAll: "「$1」は$2さんが全員分を隠しました。",
  show: "もう一度表示する",
  search: "ヘルプを検索",
  none: "見つかりませんでした。別の言葉をお試しください。",
  portal: "$1を開く",
  inPortal: "ポータルで開く",
  done: "すべて完了しました。おつかれさまでした。",
  ticked: "「$1」が完了しました。$2。",
  offline: "オフラインです。つながると続きから使えます。",
  failed: "うまくいきませんでした。もう一度お試しください。",
  empty: "いまやることはありません。",
  newTab: "新しいタブで開きます",
  optional: "よろしければこちらも",
};

export type Word = keyof typeof en;

/** The word in `locale`, `$1` and `$2` filled. */
export function say(locale: string, word: Word, first = "", second = ""): string {
  const text = (locale.slice(0, 2) === "ja" ? ja : en)[word];
  return text.replace("$1", () => first).replace("$2", () => second);
}
