"""Names and values as people type them into a field, and back: `10` is a number, `"10"` a text, `a, b` a list.

Quotation marks are only needed where a field would not keep a text as it is, or where it would be taken for something
else.
"""

from __future__ import annotations

import json
import re
import unicodedata

from portal.conditions.model import Scalar

_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_ITEM = re.compile(r"\s*(\"(?:[^\"\\]|\\.)*\"|[^,、]*)\s*(?:[,、]|$)")


def typed_name(text: object) -> str:
    """A name as it is typed; in quotation marks where a field of a form would not keep it."""
    said = str(text)
    return said if said and said == said.strip() and said.isprintable() and said[0] != '"' else _quoted(said)


def typed_value(value: Scalar) -> str:
    """A value as it is typed; `read_value` gives it back, of the same kind."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return repr(value)
    said = typed_name(value)
    return said if read_value(said) == value else _quoted(value)


def typed_item(value: Scalar, *, names: bool) -> str:
    """A value as it stands in a list."""
    said = typed_name(value) if names else typed_value(value)
    return _quoted(str(value)) if isinstance(value, str) and re.search("[,、]", said) else said


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=not text.isprintable())


def read_name(text: str) -> str:
    """A name out of a field, always a text."""
    said = text.strip()
    if said.startswith('"'):
        try:
            found = json.loads(said)
        except ValueError:
            return said
        return found if isinstance(found, str) else said
    return said


def read_value(text: str) -> Scalar | None:
    """A value out of a field, None where nothing was typed."""
    said = text.strip()
    if not said:
        return None
    if said in ("true", "false"):
        return said == "true"
    if _WHOLE.fullmatch(said):
        return int(said)
    if _DECIMAL.fullmatch(said):
        return float(said)
    return read_name(said)


def read_list(text: str, *, names: bool) -> list[Scalar | None]:
    """The values of a list, separated by commas of either width of writing."""
    found: list[Scalar | None] = []
    place = 0
    while place < len(text):
        item = _ITEM.match(text, place)
        if item is None:
            return [*found, text[place:]]
        if item[1].strip():
            found.append(read_name(item[1]) if names else read_value(item[1]))
        place = max(item.end(), place + 1)
    return found


def digits(text: str) -> str:
    """Digits as they are typed with a Japanese keyboard count as digits."""
    return unicodedata.normalize("NFKC", text).strip()
