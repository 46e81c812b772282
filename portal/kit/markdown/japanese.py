"""Japanese in markdown: bold beside 。 and 「」, addresses that end in time, lines that join without a gap.

CommonMark decides by spaces and punctuation whether `**` may open or close, which suits scripts that put spaces between
words. Here a delimiter that touches a CJK character follows a rule of its own; every other delimiter is left to
CommonMark, so text without CJK characters renders as it does everywhere else.
"""

from __future__ import annotations

import re
import unicodedata

from markdown_it import MarkdownIt
from markdown_it.common.utils import isMdAsciiPunct, isPunctChar, isWhiteSpace
from markdown_it.parser_inline import ParserInline
from markdown_it.rules_inline.state_inline import Scanned, StateInline
from markdown_it.token import Token
from markdown_it.utils import EnvType

HANGUL = "\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff\uffa0-\uffdc"
CJK_CHARACTERS = (
    "\u2e80-\u2fff\u3001-\u33ff\u3400-\u4dbf\u4e00-\ua4cf\uf900-\ufaff\ufe30-\ufe4f\uff01-\uffee"
    "\U0001aff0-\U0001b16f\U00020000-\U0003fffd" + HANGUL
)
CJK = re.compile(f"[{CJK_CHARACTERS}]")
SPACED_CJK = re.compile(f"[{HANGUL}]")

URL_TAIL = re.compile(
    rf"://(?=[^\W_])[^\s\x00-\x1f\x7f<>\"\\`*|{{}}^\[\]\u2018-\u201f\u2026\u3000{CJK_CHARACTERS}]{{1,2000}}"
)
NEVER_LAST = frozenset("?!.,:;_~'")


def is_cjk(character: str) -> bool:
    """Whether `character` is of Chinese, Japanese or Korean writing: letters, punctuation and full-width forms."""
    return CJK.match(character) is not None


class JapaneseState(StateInline):
    """The inline state with a delimiter rule for text without spaces."""

    def scanDelims(self, start: int, canSplitWord: bool) -> Scanned:  # noqa: N802, N803 - markdown-it's name
        """What the run of delimiters at `start` may do.

        Beside a CJK character two things differ from CommonMark: CJK punctuation does not count as punctuation, and a
        CJK character on the far side is as good as a space. `_` keeps to CommonMark: it never works inside a word.
        """
        stock = super().scanDelims(start, canSplitWord)
        end = start + stock.length
        before = self.src[start - 1] if start > 0 else " "
        after = self.src[end] if end < self.posMax else " "
        if not canSplitWord or not (is_cjk(before) or is_cjk(after)):
            return stock
        opens = not _is_space(after) and (not _is_foreign_mark(after) or _lets_through(before))
        closes = not _is_space(before) and (not _is_foreign_mark(before) or _lets_through(after))
        return Scanned(opens, closes, stock.length)


class JapaneseInline(ParserInline):
    """The stock inline parser over `JapaneseState`."""

    def parse(self, src: str, md: MarkdownIt, env: EnvType, tokens: list[Token]) -> list[Token]:
        """Parse one run of inline text into `tokens`."""
        state = JapaneseState(src, md, env, tokens)
        self.tokenize(state)
        for rule in self.ruler2.getRules(""):
            rule(state)
        return state.tokens


def bare_url(state: StateInline, silent: bool) -> bool:
    """Make a link of `http://…` or `https://…` in running text, ending before CJK characters, quotes and full stops.

    An address that itself holds CJK characters is written in angle brackets.
    """
    if silent or state.linkLevel > 0 or not state.src.startswith("://", state.pos):
        return False
    scheme = _scheme_before(state.pending)
    found = URL_TAIL.match(state.src, state.pos, state.posMax) if scheme else None
    if found is None:
        return False
    url = scheme + _without_closing_marks(found[0])
    if len(url) <= len(scheme) + 3:
        return False
    state.pending = state.pending[: -len(scheme)]
    opened = state.push("link_open", "a", 1)
    opened.attrs = {"href": state.md.normalizeLink(url)}
    opened.markup = "linkify"
    opened.info = "auto"
    state.push("text", "", 0).content = url
    closed = state.push("link_close", "a", -1)
    closed.markup = "linkify"
    closed.info = "auto"
    state.pos += len(url) - len(scheme)
    return True


def join_lines(children: list[Token]) -> list[Token]:
    """`children` without the line breaks at which Japanese runs on: a browser would show each as a gap."""
    return [
        token
        for index, token in enumerate(children)
        if token.type != "softbreak" or not _runs_on(_edge(children, index, -1), _edge(children, index, 1))
    ]


def _edge(tokens: list[Token], index: int, step: int) -> str:
    """The character next to the break at `index`, through tags; none where a picture or another break is nearer."""
    index += step
    while 0 <= index < len(tokens):
        token = tokens[index]
        if token.content and token.type in ("text", "text_special", "code_inline"):
            return token.content[-1 if step < 0 else 0]
        if token.nesting == 0 and token.type != "text":
            return ""
        index += step
    return ""


def _runs_on(before: str, after: str) -> bool:
    wide_before = bool(before) and is_cjk(before) and not SPACED_CJK.match(before)
    wide_after = bool(after) and is_cjk(after) and not SPACED_CJK.match(after)
    if wide_before and wide_after:
        return True
    return (wide_before and _is_mark(before)) or (wide_after and _is_mark(after))


def _is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith(("P", "S"))


def _is_space(character: str) -> bool:
    return isWhiteSpace(ord(character))


def _is_foreign_mark(character: str) -> bool:
    return (isMdAsciiPunct(ord(character)) or isPunctChar(character)) and not is_cjk(character)


def _lets_through(character: str) -> bool:
    return _is_space(character) or is_cjk(character) or _is_foreign_mark(character)


def _scheme_before(pending: str) -> str:
    tail = pending[-6:].lower()
    for scheme in ("https", "http"):
        if tail.endswith(scheme):
            before = tail[: -len(scheme)][-1:]
            inside_a_word = before.isascii() and (before.isalnum() or before in ("+", "-", "."))
            return "" if before and inside_a_word else pending[-len(scheme) :]
    return ""


def _without_closing_marks(url: str) -> str:
    surplus = url.count(")") - url.count("(")
    while url:
        if url[-1] in NEVER_LAST:
            url = url[:-1]
        elif url[-1] == ")" and surplus > 0:
            url = url[:-1]
            surplus -= 1
        else:
            break
    return url
