"""A letter as plain text: what people with a screen reader, a watch or a careful mail program read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from markdown_it.token import Token

RULE = "─" * 20


@dataclass
class _Place:
    """How deep we are in lists and quotations. `item` is the mark of a list item that has no words yet."""

    lists: list[int | None] = field(default_factory=list)
    quoted: int = 0
    item: str = ""

    def go_on(self, token: Token) -> None:
        match token.type:
            case "bullet_list_open":
                self.lists.append(None)
            case "ordered_list_open":
                self.lists.append(int(token.attrs.get("start", 1)))
            case "bullet_list_close" | "ordered_list_close":
                self.lists.pop()
            case "blockquote_open" | "blockquote_close":
                self.quoted += token.nesting
            case "list_item_open":
                number = self.lists[-1]
                self.item = "  " * (len(self.lists) - 1) + ("- " if number is None else f"{number}. ")
                self.lists[-1] = None if number is None else number + 1

    def indented(self, words: str) -> str:
        lead = "> " * self.quoted + (self.item or "  " * len(self.lists))
        self.item = ""
        first, *others = words.split("\n")
        return "\n".join([lead + first, *(" " * len(lead) + line for line in others)])


def plain_letter(tokens: Sequence[Token]) -> str:
    """The words in their order; list items with their marks, a link with its address behind it, quotations with `>`."""
    blocks: list[str] = []
    place = _Place()
    follows_item = False
    for token in tokens:
        place.go_on(token)
        if token.type == "hr":
            blocks.append(RULE)
        elif token.type in ("fence", "code_block"):
            blocks.append(token.content.rstrip("\n"))
        elif token.type == "inline":
            is_item = bool(place.item)
            said = place.indented(_inline(token.children or ()))
            if is_item and follows_item:
                blocks[-1] += f"\n{said}"
            else:
                blocks.append(said)
            follows_item = is_item
        elif token.type in ("bullet_list_close", "ordered_list_close") and not place.lists:
            follows_item = False
    return "\n\n".join(blocks) + "\n"


def _inline(children: Sequence[Token]) -> str:
    said: list[str] = []
    opened: list[tuple[str, int]] = []
    for token in children:
        if token.type == "link_open":
            opened.append((str(token.attrs.get("href", "")), len(said)))
        elif token.type == "link_close":
            href, begun = opened.pop()
            words = "".join(said[begun:])
            is_alone = begun == 0 and token is children[-1]
            if href not in (words, f"mailto:{words}"):
                said.append(f"\n{href}" if is_alone else f" ( {href} )")
        elif token.type in ("softbreak", "hardbreak"):
            said.append("\n")
        elif token.type in ("text", "text_special", "code_inline"):
            said.append(token.content)
    return "".join(said)
