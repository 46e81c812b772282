"""The words of a document without its marks, for search and excerpts."""

from __future__ import annotations

from collections.abc import Sequence

from markdown_it.token import Token

from portal.kit.markdown.html import container_title


def inline_text(token: Token) -> str:
    """The words of one run of inline tokens."""
    return "".join(_word(child) for child in token.children or ())


def plain_text(tokens: Sequence[Token]) -> str:
    """One line for each heading, paragraph, cell, title and block of code, in the order of the page."""
    lines: list[str] = []
    for token in tokens:
        if token.type in ("inline", "plain_inline"):
            lines.append(inline_text(token))
        elif token.type in ("fence", "code_block"):
            lines.append(token.content)
        elif token.type.startswith("container_") and token.nesting == 1:
            lines.append(container_title(token))
    return "\n".join(line.strip() for line in lines if line.strip())


def _word(token: Token) -> str:
    if token.type == "image":
        caption = str(token.meta.get("caption") or "")
        return " ".join(filter(None, ("".join(_word(child) for child in token.children or ()), caption)))
    if token.type in ("softbreak", "hardbreak"):
        return " "
    return token.content if token.type in ("text", "text_special", "code_inline") else ""
