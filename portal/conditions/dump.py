"""From a condition to the plainest writing of it: what a database keeps, and a person can read.

`parse(dump(condition)) == condition`, in both levels, for whatever `parse` ever gave. It is plain JSON.
"""

from __future__ import annotations

from portal.conditions.model import (
    WATCHED,
    All,
    Any,
    ChecklistDone,
    Comparison,
    Condition,
    EventCount,
    InSegment,
    Not,
    Scalar,
    Trait,
    shorthand,
)
from portal.conditions.values import share_of


def dump(condition: Condition) -> dict[str, object]:
    """The plainest value that `parse` reads as `condition`."""
    match condition:
        case All(parts):
            return {"all": [dump(part) for part in parts]}
        case Any(parts):
            return {"any": [dump(part) for part in parts]}
        case Not(part):
            return {"not": dump(part)}
        case Trait(name):
            trait = name.removeprefix("traits.")
            return {"traits": {trait: _said(condition)}} if trait != name else {name: _said(condition)}
        case EventCount():
            return _dump_count(condition)
        case ChecklistDone(key):
            return {"checklist": key}
        case InSegment(key):
            return {"segment": key}


def _dump_count(query: EventCount) -> dict[str, object]:
    about = shorthand(query)
    said: dict[str, object] = {about.name: _said(about)} if about else {"event": query.event}
    where: dict[str, dict[str, object]] = {}
    for comparison in query.where:
        percent = percent_of(comparison) if about and about.name == "webinar" else None
        if percent:
            said["watched"] = percent
        elif comparison != about:
            where.setdefault(comparison.name, {})[comparison.op] = _plain(comparison)
    if query.at_least != 1:
        said["at_least"] = query.at_least
    if query.distinct is not None:
        said["distinct"] = query.distinct
    if query.within:
        said["within"] = str(query.within)
    if query.last:
        said["last"] = str(query.last)
    if where:
        said["where"] = {name: _short(asked) for name, asked in where.items()}
    return said


def _said(comparison: Comparison) -> object:
    plain = _plain(comparison)
    return plain if comparison.op in ("eq", "in") else {comparison.op: plain}


def _short(asked: dict[str, object]) -> object:
    alone = next(iter(asked)) if len(asked) == 1 else None
    return asked[alone] if alone in ("eq", "in") else asked


def _plain(comparison: Comparison) -> Scalar | list[Scalar]:
    return list(comparison.value) if isinstance(comparison.value, tuple) else comparison.value


def percent_of(comparison: Comparison) -> str | None:
    """`"80%"` where `watched: 80%` says exactly `comparison`, else `None`."""
    share = comparison.value
    if comparison.name != WATCHED or comparison.op != "gte" or not isinstance(share, float) or not 0 < share <= 1:
        return None
    percent = round(share * 100, 2)
    return f"{percent:g}%" if percent > 0 and share_of(percent) == share else None
