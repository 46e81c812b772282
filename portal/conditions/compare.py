"""How one value compares with another, without ever raising.

Values come from customers' systems, so any type may meet any other: numbers compare with numbers, texts with texts
(case matters), booleans only by equality, and what cannot be compared simply does not hold.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Final

from portal.conditions.model import Comparison, Op, Value

_ORDERINGS: Final[Mapping[Op, tuple[int, ...]]] = {"gt": (1,), "gte": (0, 1), "lt": (-1,), "lte": (-1, 0)}


def look_up(values: Mapping[str, object], path: str) -> object:
    """The value at `path`, `None` if there is none. `cart.total` is a key of that name, else `total` inside `cart`."""
    if path in values:
        return values[path]
    head, dot, rest = path.partition(".")
    inner = values.get(head) if dot else None
    return look_up(inner, rest) if isinstance(inner, Mapping) else None


def all_hold(comparisons: Iterable[Comparison], values: Mapping[str, object]) -> bool:
    """Whether every comparison holds of `values`."""
    return all(holds(look_up(values, c.name), c.op, c.value) for c in comparisons)


def holds(actual: object, op: Op, wanted: Value) -> bool:
    """Whether `actual op wanted`; `None` is what is not set. `ne` is exactly "not eq", so it holds of that too."""
    if op == "exists":
        return (actual is not None) is wanted
    if op == "eq":
        return same(actual, wanted)
    if op == "ne":
        return not same(actual, wanted)
    if op == "in":
        return isinstance(wanted, tuple) and any(same(actual, value) for value in wanted)
    if op == "contains":
        if isinstance(actual, str):
            return isinstance(wanted, str) and wanted in actual
        return isinstance(actual, list | tuple) and any(same(item, wanted) for item in actual)
    return order(actual, wanted) in _ORDERINGS[op]


def same(left: object, right: object) -> bool:
    """Equal, and of one kind: 1 is 1.0, but neither `True` nor "1"."""
    return order(left, right) == 0 or (isinstance(left, bool) and left is right)


def order(left: object, right: object) -> int | None:
    """-1, 0 or 1; `None` where there is no order between the two."""
    if isinstance(left, str) and isinstance(right, str):
        return _sign(left < right, left == right, left > right)
    one, other = _number(left), _number(right)
    if one is None or other is None:
        return None
    return _sign(one < other, one == other, one > other)


def identity(value: object) -> object:
    """A hashable stand-in under which equal values meet, and only they; whatever JSON can say has one."""
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, str | int | float):
        return value
    return ("json", json.dumps(value, sort_keys=True, default=str))


def _number(value: object) -> int | float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _sign(less: bool, equal: bool, more: bool) -> int | None:
    return -1 if less else 0 if equal else 1 if more else None
