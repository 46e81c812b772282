"""Headings: below the page's own title, each with an address that keeps its language."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from markdown_it.token import Token

from portal.kit.markdown.plain import inline_text
from portal.kit.markdown.wall import ID_PREFIX

MAX_SLUG = 80


@dataclass(frozen=True)
class Heading:
    """One entry of the contents list: `level` 2 to 6, `id` as it stands in the HTML."""

    level: int
    id: str
    text: str


def slug_of(text: str) -> str:
    """The address part of a heading: letters, digits and marks of any language, lower-case, joined by hyphens."""
    words: list[str] = []
    for character in unicodedata.normalize("NFKC", text).lower():
        if unicodedata.category(character)[0] in "LNM" or character == "_":
            words.append(character)
        elif words and words[-1] != "-" and (character.isspace() or character == "-"):
            words.append("-")
    return "".join(words)[:MAX_SLUG].strip("-")


def set_headings(tokens: list[Token], prefix: str) -> tuple[tuple[Heading, ...], frozenset[str]]:
    """Give every heading its level and id; the contents list (headings not inside another block) and all ids."""
    opened = [index for index, token in enumerate(tokens) if token.type == "heading_open"]
    shift = 1 if any(tokens[index].tag == "h1" for index in opened) else 0
    contents: list[Heading] = []
    counts: dict[str, int] = {}
    ids: set[str] = set()
    for index in opened:
        start, inline, end = tokens[index : index + 3]
        level = min(int(start.tag[1]) + shift, 6)
        text = inline_text(inline).strip()
        anchor = _unused(f"{ID_PREFIX}{prefix}{slug_of(text) or 'section'}", ids, counts)
        ids.add(anchor)
        start.tag = end.tag = f"h{level}"
        start.attrSet("id", anchor)
        end.meta["id"] = anchor
        if start.level == 0 and text:
            contents.append(Heading(level, anchor, text))
    return tuple(contents), frozenset(ids)


def _unused(base: str, taken: set[str], counts: dict[str, int]) -> str:
    anchor = base
    while anchor in taken:
        counts[base] = counts.get(base, 1) + 1
        anchor = f"{base}-{counts[base]}"
    return anchor
