"""A published document as a small JSON tree, for pages on which nothing may be parsed as HTML.

A host page with Trusted Types refuses `innerHTML` and `DOMParser` alike, and a widget that needs a policy of its own
could not run there. So the sanitised HTML becomes `[tag, {attributes}, child, …]`, with texts as plain strings; the
widget builds nodes from it and can build nothing else. Tags and attributes are named once more here: what the renderer
learns to make does not reach other people's pages by itself.
"""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any, Final

Node = str | list[Any]

TAGS: Final = frozenset(
    (
        *("a", "aside", "blockquote", "br", "code", "dd", "del", "div", "dl", "dt", "em", "figcaption", "figure", "hr"),
        *("h2", "h3", "h4", "h5", "h6", "img", "li", "ol", "p", "pre", "s", "section", "span", "strong", "sup"),
        *("table", "tbody", "td", "th", "thead", "tr", "ul"),
    )
)
KEPT: Final = frozenset({"href", "src", "alt", "class", "start", "scope", "id"})
EMPTY: Final = frozenset({"br", "hr", "img", "input"})
UNWRAPPED: Final = frozenset({"label"})
BOXES: Final = {True: "☑ ", False: "☐ "}


def tree_of(html: str) -> list[Node]:
    """The nodes of `html`, which our own renderer has sanitised. What it does not know it drops with all inside."""
    reading = _Reading()
    reading.feed(html)
    reading.close()
    return reading.nodes


class _Reading(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.nodes: list[Node] = []
        self._open: list[tuple[str, list[Any]]] = []
        self._dropping = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if tag == "input":
            self._add(BOXES["checked" in told])
            return
        if tag in UNWRAPPED:
            return
        if self._dropping or tag not in TAGS or told.get("aria-hidden") == "true":
            self._dropping += tag not in EMPTY
            return
        kept = {name: value for name, value in told.items() if name in KEPT and value is not None}
        node: list[Any] = [tag, kept] if kept else [tag]
        self._add(node)
        if tag not in EMPTY:
            self._open.append((tag, node))

    def handle_endtag(self, tag: str) -> None:
        if tag in EMPTY or tag in UNWRAPPED:
            return
        if self._dropping:
            self._dropping -= 1
        elif self._open and self._open[-1][0] == tag:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        # Space between blocks says nothing; inside a block it may.
        if not self._dropping and (self._open or data.strip()):
            self._add(data)

    def _add(self, node: Node) -> None:
        (self._open[-1][1] if self._open else self.nodes).append(node)
