"""The examples of the CommonMark specification, all of them: what we render otherwise is listed, with a reason.

The examples come with the specification's own package (npm `commonmark-spec`), which is installed with the front-end.
What is judged is the parser of documents, dialect, rules for Japanese and all; its tokens are written down as the
specification writes them, since our own renderer gives headings addresses and code its colours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

import pytest
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML

from portal.kit.markdown.parser import DocumentParser
from portal.kit.paths import CHECKOUT

SPEC = CHECKOUT / "node_modules" / "commonmark-spec" / "spec.txt"
EXAMPLE = re.compile(r"^`{32} example\n(.*?)^\.\n(.*?)^`{32}$|^(#{1,6} [^\n]*)$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Example:
    """One example of the specification."""

    number: int
    section: str
    markdown: str
    html: str


@cache
def examples() -> tuple[Example, ...]:
    found: list[Example] = []
    section = ""
    for match in EXAMPLE.finditer(SPEC.read_text(encoding="utf-8")):
        if match[3]:
            section = match[3].lstrip("# ")
            continue
        markdown, html = (text.replace("→", "\t") for text in (match[1], match[2]))
        found.append(Example(len(found) + 1, section, markdown, html))
    return tuple(found)


@cache
def parser(*, html: bool) -> DocumentParser:
    """The parser of documents, whose tokens are written down as the specification writes them."""
    made = DocumentParser()
    made.renderer = RendererHTML(made)
    made.options["html"], made.options["xhtmlOut"] = html, True
    return made


def rendered(markdown: str, *, html: bool) -> str:
    written = str(parser(html=html).render(markdown, {"warnings": []}))
    return written.replace("<blockquote></blockquote>", "<blockquote>\n</blockquote>")  # the same to every reader


def has_html(markdown: str) -> bool:
    """Whether the specification would let HTML of the author through here."""
    tokens = MarkdownIt("commonmark").parse(markdown)
    inside = (child.type for token in tokens for child in token.children or ())
    return any(kind in ("html_block", "html_inline") for kind in (*(token.type for token in tokens), *inside))


BARE = "an address in running text is a link in documents, without angle brackets too"
DIFFERENT = {602: BARE, 608: BARE, 611: BARE}


def test_the_specification_is_there_whole() -> None:
    assert len(examples()) == 652


@pytest.mark.parametrize("html", [True, False])
def test_every_example_is_parsed_as_specified(html: bool) -> None:
    """With HTML let through, all but the listed; without it, as documents are, all that have no HTML either."""
    wrong = {
        one.number: (one.section, one.markdown, rendered(one.markdown, html=html), one.html)
        for one in examples()
        if (html or not has_html(one.markdown)) and rendered(one.markdown, html=html) != one.html
    }
    assert set(wrong) == {number for number in DIFFERENT if html or not has_html(examples()[number - 1].markdown)}, (
        wrong
    )


def test_what_html_would_be_is_text_a_reader_sees() -> None:
    shown = [one for one in examples() if has_html(one.markdown)]
    assert len(shown) > 50
    assert not [
        one.number
        for one in shown
        if re.search(r"<(?:script|style|div|!--|table)\b", rendered(one.markdown, html=False))
    ]
