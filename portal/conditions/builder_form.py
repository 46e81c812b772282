"""The builder as a browser sends it, field by field, and what its buttons do. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from portal.conditions.builder import GROUPS, KINDS, Asked, Node, blank

DEEPEST: Final = 12
MOST_PARTS: Final = 100
_TEXTS: Final = ("name", "op", "value", "at_least", "counts", "distinct", "window", "span", "unit", "watched", "text")


def fields_of(node: Node, prefix: str) -> dict[str, str]:
    """The fields of the form, by name."""
    found = {f"{prefix}.kind": node.kind, **({f"{prefix}.not": "1"} if node.negated else {})}
    if node.is_group:
        for number, part in enumerate(node.parts):
            found |= fields_of(part, f"{prefix}.{number}")
        return found
    found |= {f"{prefix}.{name}": getattr(node, name) for name in _TEXTS}
    for number, asked in enumerate(node.where):
        row = f"{prefix}.where.{number}"
        found |= {f"{row}.name": asked.name, f"{row}.op": asked.op, f"{row}.value": asked.value}
    return found


def node_in(fields: Mapping[str, str], prefix: str, *, depth: int = 1) -> Node | None:
    """The form among `fields`, None where there is none under `prefix`."""
    kind = fields.get(f"{prefix}.kind", "")
    if kind not in KINDS or depth > DEEPEST:
        return None
    negated = bool(fields.get(f"{prefix}.not"))
    if kind in GROUPS:
        parts = (node_in(fields, f"{prefix}.{number}", depth=depth + 1) for number in _numbered(fields, prefix))
        return Node(kind, negated, tuple(part for part in parts if part is not None))
    default = Node(kind)
    where = tuple(
        Asked(*(fields.get(f"{prefix}.where.{number}.{name}", "") for name in ("name", "op", "value")))
        for number in range(MOST_PARTS)
        if f"{prefix}.where.{number}.name" in fields
    )
    said = {name: fields.get(f"{prefix}.{name}", getattr(default, name)) for name in _TEXTS}
    return Node(kind, negated, where=where, **said)


def _numbered(fields: Mapping[str, str], prefix: str) -> Iterable[int]:
    return (number for number in range(MOST_PARTS) if f"{prefix}.{number}.kind" in fields)


def pressed(node: Node | None, act: str, *, name: str) -> Node | None:
    """The condition `name` of a form after the button `act`: `add:audience`, `unask:audience.0.1:2` and the like. A
    button of something else leaves it as it is."""
    verb, _, rest = act.partition(":")
    where, _, row = rest.partition(":")
    found = re.fullmatch(rf"{re.escape(name)}((?:\.\d{{1,3}})*)", where)
    if found is None:
        return node
    place = [int(number) for number in found[1].split(".")[1:]]
    return edited(node, verb, place, int(row) if row.isdecimal() else 0)


def edited(node: Node | None, act: str, place: Sequence[int] = (), row: int = 0) -> Node | None:
    """The form after a button: `add` a sentence to the group at `place` (a sentence becomes a group of two), `group`
    (one to be put together of others), `remove`, `ask` and `unask` (a comparison of a property)."""
    if node is None:
        return blank() if act in ("add", "group") else None
    if place:
        return _inside(node, act, place, row)
    if act in ("add", "group"):
        new = blank() if act == "add" else Node("any", parts=(blank(), blank()))
        if node.is_group:
            return replace(node, parts=(*node.parts, new))
        return Node("all", parts=(node, new))
    if act == "ask":
        return replace(node, where=(*node.where, Asked()))
    if act == "unask":
        return replace(node, where=(*node.where[:row], *node.where[row + 1 :]))
    return None if act == "remove" else node


def _inside(node: Node, act: str, place: Sequence[int], row: int) -> Node | None:
    first, *rest = place
    if not node.is_group or first >= len(node.parts):
        return node
    part = edited(node.parts[first], act, rest, row)
    before, after = node.parts[:first], node.parts[first + 1 :]
    if part is not None:
        return replace(node, parts=(*before, part, *after))
    left = (*before, *after)
    if len(left) == 1 and not node.negated:
        return left[0]
    return replace(node, parts=left) if left else None
