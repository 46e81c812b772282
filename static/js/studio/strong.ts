/** Bold in Japanese, coloured as it will be shown: `**重要。**必ず` is bold, as the portal renders it. The rule is that of
 * `portal/kit/markdown/japanese.py`, for the pairs of asterisks that people write. */
import type { DelimiterType, MarkdownConfig } from "@lezer/markdown";

const STRONG: DelimiterType = { resolve: "StrongEmphasis", mark: "EmphasisMark" };
const ASTERISK = 42;
const CJK =
  /[\u2e80-\u2fff\u3001-\u33ff\u3400-\u4dbf\u4e00-\ua4cf\uf900-\ufaff\ufe30-\ufe4f\uff01-\uffee\u1100-\u11ff\uac00-\ud7ff]/;
const MARK = /[\p{P}\p{S}]/u;

export const japaneseStrong: MarkdownConfig = {
  parseInline: [
    {
      name: "JapaneseStrong",
      before: "Emphasis",
      parse(text, next, start) {
        const end = start + 2;
        const isPair = next === ASTERISK && text.char(start + 1) === ASTERISK && text.char(end) !== ASTERISK;
        if (!isPair || text.char(start - 1) === ASTERISK) return -1;
        const before = text.slice(start - 1, start);
        const after = text.slice(end, end + 1);
        return text.addDelimiter(STRONG, start, end, reaches(before, after), reaches(after, before));
      },
    },
  ],
};

/** Whether the asterisks may belong to `near`, with `far` on their other side. */
function reaches(far: string, near: string): boolean {
  if (isSpace(near)) return false;
  const isMark = MARK.test(near) && !CJK.test(near);
  return !isMark || isSpace(far) || MARK.test(far) || CJK.test(far);
}

function isSpace(character: string): boolean {
  return character === "" || /\s/.test(character);
}
