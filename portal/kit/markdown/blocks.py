"""Blocks as a reader needs them: a picture with its caption, a table that can be named, aligned and scrolled."""

from __future__ import annotations

import re

from markdown_it.token import Token

from portal.kit.markdown.plain import inline_text

MAX_LABEL = 100
TASK = re.compile(r"\[([ xX])\][ \t]+")


def set_figures(tokens: list[Token]) -> None:
    """A picture with a title, alone in its paragraph, becomes a figure with a caption."""
    for index, token in enumerate(tokens):
        if token.type != "inline" or index == 0 or tokens[index - 1].type != "paragraph_open":
            continue
        children = token.children or []
        title = children[0].attrGet("title") if len(children) == 1 and children[0].type == "image" else None
        if title:
            children[0].meta["caption"] = str(title)
            for edge in (tokens[index - 1], tokens[index + 1]):
                edge.tag = "figure"
                edge.hidden = False


def set_tasks(tokens: list[Token]) -> None:
    """A list item that begins with `[ ]` or `[x]` becomes a line with a box; the boxes are for reading only."""
    lists: list[Token] = []
    for index, token in enumerate(tokens):
        if token.type in ("bullet_list_open", "ordered_list_open"):
            lists.append(token)
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            lists.pop()
        elif token.type == "inline" and index > 1 and tokens[index - 2].type == "list_item_open":
            children = token.children or []
            found = TASK.match(children[0].content) if children and children[0].type == "text" else None
            if found:
                children[0].content = children[0].content[found.end() :]
                box = Token("task_open", "", 0, meta={"done": found[1] != " "})
                token.children = [box, *children, Token("task_close", "", 0)]
                tokens[index - 2].attrSet("class", "task-list-item")
                lists[-1].attrSet("class", "contains-task-list")


def set_tables(tokens: list[Token]) -> None:
    """Name each table by its head row, else by the heading above it; turn alignment into classes."""
    heading = ""
    used: dict[str, int] = {}
    table: Token | None = None
    head: list[str] = []
    previous = ""
    for token in tokens:
        if token.type == "table_open":
            table, head = token, []
        elif token.type in ("th_open", "td_open"):
            _set_cell(token)
        elif token.type == "thead_close" and table is not None:
            table.meta["label"] = _unique(" / ".join(filter(None, head))[:MAX_LABEL] or heading, used)
        elif token.type == "inline" and previous == "th_open":
            head.append(inline_text(token).strip())
        elif token.type == "inline" and previous == "heading_open":
            heading = inline_text(token).strip()[:MAX_LABEL]
        previous = token.type


def _set_cell(token: Token) -> None:
    style = token.attrs.pop("style", None)
    if style:
        token.attrSet("class", "align-" + str(style).rpartition(":")[2])
    if token.type == "th_open":
        token.attrSet("scope", "col")


def _unique(label: str, used: dict[str, int]) -> str:
    used[label] = used.get(label, 0) + 1
    return f"{label} ({used[label]})" if label and used[label] > 1 else label
