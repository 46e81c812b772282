"""The markdown dialect of documents, and the guards that keep its work in proportion to its size.

CommonMark with tables, strikethrough, footnotes, task lists, definition lists and four kinds of block in `:::` fences.
HTML is text here. What would be out of proportion is cut *before* inline parsing, with a warning that names the line.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from mdit_py_plugins.container import container_plugin
from mdit_py_plugins.deflist import deflist_plugin
from mdit_py_plugins.footnote import footnote_plugin

from portal.kit.i18n import Message
from portal.kit.markdown.html import DocumentHtml
from portal.kit.markdown.japanese import JapaneseInline, bare_url
from portal.kit.markdown.wall import CALLOUTS

MAX_NESTING = 20
MAX_INLINE = 20_000
MAX_MARKS = 1_000
MAX_TABLE_ROWS = 1_000
MAX_TABLE_COLUMNS = 50

BLOCKS = (*CALLOUTS, "steps")
MARKS = re.compile(r"[\[*_~`<&!]")
_OPTIONS = {"html": False, "linkify": False, "maxNesting": MAX_NESTING, "xhtmlOut": False}
_NESTING_BLOCKS = ("blockquote_open", "list_item_open", "dd_open", "footnote_reference_open")


class DocumentParser(MarkdownIt):
    """markdown-it with the Japanese inline rules, the blocks of documents and the guards."""

    def __init__(self) -> None:
        super().__init__("gfm-like", _OPTIONS)
        self.inline = JapaneseInline()
        self.configure("gfm-like", _OPTIONS)
        self.inline.ruler.at("linkify", bare_url)
        for name in BLOCKS:
            container_plugin(self, name)
        footnote_plugin(self, inline=False)
        deflist_plugin(self)
        self.core.ruler.after("block", "guards", guards)
        self.renderer = DocumentHtml(self)

    def validateLink(self, url: str) -> bool:  # noqa: N802 - markdown-it's name
        """Every address is a link at this point: `links.py` takes away the unsafe ones and says so."""
        return True


Warn = Callable[[tuple[int, Message]], None]


def guards(state: StateCore) -> None:
    """Cut tables, over-long paragraphs and nesting before they cost anything; say where."""
    warn = state.env["warnings"].append
    state.tokens = _cut_tables(state.tokens, warn)
    for token in state.tokens:
        line = token.map[0] + 1 if token.map else 1
        if token.type == "inline":
            _check_inline(token, line, warn)
        elif token.level >= MAX_NESTING - 1 and token.type.startswith(("container_", *_NESTING_BLOCKS)):
            warn((line, Message("nested too deeply: what is inside this line is left out")))


def _check_inline(token: Token, line: int, warn: Warn) -> None:
    if token.content.startswith(":::"):
        name = token.content.lstrip(":").split(maxsplit=1)[:1] or [""]
        if name[0] and name[0] not in BLOCKS:
            known = ", ".join(BLOCKS)
            warn((line, Message("there is no block “%(name)s”; there are: %(known)s", name=name[0][:40], known=known)))
    if len(token.content) > MAX_INLINE or len(MARKS.findall(token.content)) > MAX_MARKS:
        warn((line, Message("this paragraph is too long or too dense with marks, and is shown as plain text")))
        token.children = [Token("text", "", 0, content=token.content)]
        token.type = "plain_inline"


def _cut_tables(tokens: list[Token], warn: Warn) -> list[Token]:
    kept: list[Token] = []
    row = column = 0
    warned = dropping = False
    for token in tokens:
        if token.type == "table_open":
            row, warned = 0, False
        elif token.type == "tr_open":
            row, column = row + 1, 0
        elif token.type in ("th_open", "td_open"):
            column += 1
            dropping = column > MAX_TABLE_COLUMNS
        elif token.type == "tr_close":
            dropping = False
        elif token.type == "tbody_close":
            dropping, row = False, 0
        if dropping or row > MAX_TABLE_ROWS + 1:
            if not warned:
                warned = True
                warn((token.map[0] + 1 if token.map else 1, _too_large()))
            continue
        kept.append(token)
    return kept


def _too_large() -> Message:
    return Message(
        "this table is cut: at most %(rows)s rows and %(columns)s columns are shown",
        rows=MAX_TABLE_ROWS,
        columns=MAX_TABLE_COLUMNS,
    )
