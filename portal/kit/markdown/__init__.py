"""Markdown to HTML that can be shown as it is: safe whatever the source, right in Japanese, ready to be read aloud.

`render` is called once, when a document is published; the result is stored. Two walls stand between an author and a
reader's browser: the parser takes no HTML and settles every address, and a sanitiser that knows nothing of markdown
lets through only what it names. Work is in proportion to the source: nesting, tables and dense paragraphs have limits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from portal.kit.errors import TooLarge
from portal.kit.i18n import Message
from portal.kit.markdown.blocks import set_figures, set_tables, set_tasks
from portal.kit.markdown.code import Budget
from portal.kit.markdown.headings import Heading, set_headings
from portal.kit.markdown.japanese import join_lines
from portal.kit.markdown.links import Links, Resolve
from portal.kit.markdown.media import FindMedia
from portal.kit.markdown.parser import DocumentParser
from portal.kit.markdown.plain import plain_text
from portal.kit.markdown.wall import cleaner

__all__ = ["MAX_SOURCE", "Heading", "Rendered", "render"]

MAX_SOURCE = 1_000_000
UNWRITABLE = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


@dataclass(frozen=True)
class Rendered:
    """A document ready to be shown and searched.

    `toc` holds the headings that stand on their own, `text` the words without marks, `links` every address in the order
    met (those within the page apart), `warnings` what an author should look at, with the line of the source.
    """

    html: str
    toc: tuple[Heading, ...]
    text: str
    links: tuple[str, ...]
    warnings: tuple[tuple[int, Message], ...]


def render(
    source: str, *, heading_prefix: str = "", resolve: Resolve | None = None, media: FindMedia | None = None
) -> Rendered:
    """Render one document. Raises `TooLarge` over `MAX_SOURCE` characters, and nothing else.

    Every id in the HTML begins with `s-` and then `heading_prefix`, so that a document cannot take the name of a part
    of the page, and several documents can stand on one. `[text](#heading)` finds a heading by its words.

    `resolve` gets the target of each relative link, decoded and without its fragment (`manuals/inviting`,
    `./other.md`), and says its URL, or None when it leads nowhere. `media` gets the target of each picture, and of each
    link that `resolve` knows nothing of, where it is relative, begins with `media:` or with `/media/`.
    """
    if len(source) > MAX_SOURCE:
        raise TooLarge(Message("A text may have at most %(most)s characters.", most=f"{MAX_SOURCE:,}"))
    warnings: list[tuple[int, Message]] = []
    env: dict[str, Any] = {"warnings": warnings, "prefix": heading_prefix, "budget": Budget()}
    parser = _parser()
    tokens = parser.parse(UNWRITABLE.sub("\ufffd", source), env)
    toc, ids = set_headings(tokens, heading_prefix)
    links = Links(heading_prefix, ids, resolve, media, warnings)
    links.settle(tokens)
    for token in tokens:
        if token.type == "inline" and token.children:
            token.children = join_lines(token.children)
    set_tasks(tokens)
    set_figures(tokens)
    set_tables(tokens)
    html = cleaner().clean(parser.renderer.render(tokens, parser.options, env))
    return Rendered(
        html=html,
        toc=toc,
        text=plain_text(tokens),
        links=tuple(links.found),
        warnings=tuple(sorted(warnings, key=lambda warning: warning[0])),
    )


@cache
def _parser() -> DocumentParser:
    return DocumentParser()
