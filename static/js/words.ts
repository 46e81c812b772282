/** The few words scripts say themselves, from `data-word-*` on <html>, where the page has put the reader's language. */
export function word(name: string): string {
  return document.documentElement.dataset[`word${name.charAt(0).toUpperCase()}${name.slice(1)}`] ?? "";
}
