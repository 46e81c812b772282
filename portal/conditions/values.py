"""Reading the leaves of a condition: texts, numbers, spans, percentages and comparisons, each strictly typed.

YAML is generous (`no` is a boolean, `2026-12-01` a date, `plan:` is null); a rule that quietly never matches is worse
than a refusal, so whatever is not plainly of the right kind is named: all of it goes to `Findings`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Final

from portal.conditions.model import OPS, Comparison, Op, Scalar, Value
from portal.kit.clock import Span
from portal.kit.files import Path
from portal.kit.i18n import Message

MAX_TEXT: Final = 200
MAX_LIST: Final = 100
MAX_NUMBER: Final = 10**15
MAX_COUNT: Final = 1_000_000
NAME_OPS: Final[tuple[Op, ...]] = ("eq", "ne", "in", "exists")
"""What can be asked of a plan, role, locale or tier: they are names, and have no order."""

_PERCENTAGE = re.compile(r"\d{1,3}(\.\d{1,2})?%", re.ASCII)


class TooMuch(Exception):
    """The condition is longer than anyone may write."""


class Findings:
    """All that was found wrong so far, and how much has been read; `TooMuch` once that passes `limit`."""

    def __init__(self, limit: int) -> None:
        self.problems: list[tuple[Path, Message]] = []
        self._left = limit

    def wrong(self, path: Path, message: Message) -> None:
        """Note a problem at `path`."""
        self.problems.append((path, message))
        self.count()

    def count(self, things: int = 1) -> None:
        """So many more things were read."""
        self._left -= things
        if self._left < 0:
            raise TooMuch


def unknown(key: object, known: Sequence[str]) -> Message:
    """The sentence for a key that does not exist, with the one probably meant, or else all there are."""
    text = shown(key)
    near = difflib.get_close_matches(text, known, n=1) if len(text) <= 50 else []
    if near:
        return Message("unknown key “%(key)s”; did you mean “%(suggestion)s”?", key=text, suggestion=near[0])
    return Message("unknown key “%(key)s”; possible here: %(known)s", key=text, known=", ".join(known))


def shown(value: object) -> str:
    """`value` for a sentence, cut to a bearable length."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return shown(", ".join(shown(item) for item in value[:MAX_LIST]))
    if isinstance(value, dict) or (isinstance(value, int) and abs(value) > MAX_NUMBER):
        return "…"
    text = str(value)
    return text if len(text) <= 80 else text[:79] + "…"


def read_text(value: object, path: Path, found: Findings) -> str | None:
    """A name or key: a text with something in it."""
    if not isinstance(value, str):
        found.wrong(path, Message("this must be text; put quotes around it if it is a name"))
    elif not value.strip():
        found.wrong(path, Message("this must not be empty"))
    elif len(value) > MAX_TEXT:
        found.wrong(path, Message("this must be at most %(limit)s characters long", limit=MAX_TEXT))
    else:
        return value
    return None


def read_count(value: object, path: Path, found: Findings) -> int | None:
    """How many times: a whole number from 1."""
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_COUNT:
        return value
    found.wrong(path, Message("this must be a whole number from 1 to %(limit)s", limit=MAX_COUNT))
    return None


def read_span(value: object, path: Path, found: Findings) -> Span | None:
    """A length of at least one day."""
    try:
        span = Span.parse(value) if isinstance(value, str) else None
    except ValueError:
        span = None
    if span is None or span.count < 1:
        found.wrong(path, Message("this must be a length such as 30d, 2w or 1mo"))
        return None
    return span


def read_share(value: object, path: Path, found: Findings) -> float | None:
    """`"80%" -> 0.8`; more than 0 and at most 100."""
    text = value.strip() if isinstance(value, str) else ""
    percent = float(text[:-1]) if _PERCENTAGE.fullmatch(text) else 0.0
    if 0 < percent <= 100:
        return share_of(percent)
    found.wrong(path, Message("this must be a percentage such as 80%%, above 0%% and at most 100%%"))
    return None


def share_of(percent: float) -> float:
    """Percent with two decimals as a share: 80.0 -> 0.8."""
    return round(percent / 100, 4)


def read_comparisons(
    name: str, value: object, path: Path, found: Findings, *, names_only: bool = False
) -> list[Comparison]:
    """`retail` (equals), `[a, b]` (one of) or `{gte: 10, lt: 100}` (each of them); `names_only`: it has no order."""
    if isinstance(value, dict):
        return _operators(name, value, path, found, names_only=names_only)
    op: Op = "in" if isinstance(value, list) else "eq"
    return list(_compared(name, op, value, path, found, names_only=names_only))


def _operators(
    name: str, value: dict[object, object], path: Path, found: Findings, *, names_only: bool
) -> list[Comparison]:
    possible = NAME_OPS if names_only else OPS
    if not value:
        found.wrong(path, Message("this must not be empty"))
    comparisons: list[Comparison] = []
    for key, wanted in value.items():
        place = (*path, shown(key))
        op = next((op for op in possible if op == key), None)
        if op is None:
            found.wrong(place, unknown(key, possible))
        else:
            comparisons.extend(_compared(name, op, wanted, place, found, names_only=names_only))
    return comparisons


def _compared(
    name: str, op: Op, value: object, path: Path, found: Findings, *, names_only: bool
) -> Iterable[Comparison]:
    found.count()
    wanted = _wanted(op, value, path, found, names_only=names_only)
    return () if wanted is None else (Comparison(name, op, wanted),)


def _wanted(op: Op, value: object, path: Path, found: Findings, *, names_only: bool) -> Value | None:
    if op == "exists":
        if isinstance(value, bool):
            return value
        found.wrong(path, Message("this must be true or false"))
        return None
    if op == "in":
        return _list(value, path, found, names_only=names_only)
    if op in ("gt", "gte", "lt", "lte") and isinstance(value, bool):
        found.wrong(path, Message("true and false have no order; compare them with eq"))
        return None
    return _scalar(value, path, found, names_only=names_only)


def _list(value: object, path: Path, found: Findings, *, names_only: bool) -> Value | None:
    if not isinstance(value, list) or not value:
        found.wrong(path, Message("this must be a list with at least one value"))
        return None
    if len(value) > MAX_LIST:
        found.wrong(path, Message("this list must have at most %(limit)s values", limit=MAX_LIST))
        return None
    items = [_scalar(item, (*path, index), found, names_only=names_only) for index, item in enumerate(value)]
    good = tuple(item for item in items if item is not None)
    return good if len(good) == len(items) else None


def _scalar(value: object, path: Path, found: Findings, *, names_only: bool) -> Scalar | None:
    if value is None:
        found.wrong(path, Message("there is no value here; write {exists: false} for what is not set"))
        return None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = value.isoformat()
    if names_only:
        return read_text(value, path, found)
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        if abs(value) <= MAX_NUMBER:  # false for what is not a number, too
            return value
        found.wrong(path, Message("this number is too large"))
    elif not isinstance(value, str):
        found.wrong(path, Message("this must be one text, number, true or false"))
    elif len(value) > MAX_TEXT:
        found.wrong(path, Message("this must be at most %(limit)s characters long", limit=MAX_TEXT))
    else:
        return value
    return None
