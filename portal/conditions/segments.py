"""Segments as conditions meet them: by their keys, with what each asks for, as they stand in this transaction.

A condition says `segment: key` and is stored like that, so changing a segment changes all that name it. `expanded` puts
what a segment asks for beside its key, for whoever must know which events or checklists a condition depends on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import select
from sqlmodel import Session, col

from portal.conditions.model import All, Condition, InSegment, Not, segments_of
from portal.conditions.model import Any as AnyOf
from portal.conditions.models import Segment
from portal.conditions.parse import parse
from portal.kit.memory import Recent
from portal.kit.prepared import Prepared

DEEPEST: Final = 4
"""How many segments may lie inside one another: more is understood by nobody, and each multiplies the work."""
Standing = tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class Stored:
    """A segment: its titles by language, and its condition with those of the segments inside it."""

    key: str
    title: Mapping[str, str]
    condition: Condition


@dataclass(frozen=True)
class Segments:
    """All of them that are not archived, in their order. `standing` names them with their content."""

    standing: Standing
    all: tuple[Stored, ...]

    def of(self, key: str) -> Stored | None:
        """The segment `key`, if there is one."""
        return next((one for one in self.all if one.key == key), None)

    def expanded(self, condition: Condition) -> Condition:
        """`condition`, each segment in it with what it asks for."""
        return expanded(condition, {one.key: one.condition for one in self.all})


def segments(session: Session) -> Segments:
    """The segments of this transaction, read and put together once for all that find them so."""
    session.flush()
    standing = tuple(_STANDING.all(session, {}))
    return _kept.get(standing, lambda: _put_together(session, standing))


def expanded(condition: Condition, known: Mapping[str, Condition], *, inside: tuple[str, ...] = ()) -> Condition:
    """Look segments up by key, those inside them too. One that is not known, or is inside itself, stays without."""
    match condition:
        case InSegment(key):
            found = known.get(key)
            if found is None or key in inside or len(inside) > DEEPEST:
                return InSegment(key)
            return InSegment(key, expanded(found, known, inside=(*inside, key)))
        case All(parts) | AnyOf(parts):
            return replace(condition, parts=tuple(expanded(part, known, inside=inside) for part in parts))
        case Not(part):
            return Not(expanded(part, known, inside=inside))
    return condition


def circles(known: Mapping[str, Condition]) -> frozenset[str]:
    """The segments that are, by way of others, inside themselves."""
    return frozenset(key for key in known if key in _inside(known, segments_of(known[key])))


def too_deep(known: Mapping[str, Condition]) -> frozenset[str]:
    """The segments with more than `DEEPEST` inside one another. None of them may be inside itself."""
    depths: dict[str, int] = {}

    def depth(key: str) -> int:
        if key not in depths:
            inner = segments_of(known[key]) & known.keys()
            depths[key] = 1 + max((depth(one) for one in inner), default=0)
        return depths[key]

    return frozenset(key for key in known if depth(key) > DEEPEST)


def naming(known: Mapping[str, Condition], key: str) -> frozenset[str]:
    """The segments that have `key` inside them, by way of others too."""
    return frozenset(one for one in known if key in _inside(known, segments_of(known[one])))


def _inside(known: Mapping[str, Condition], keys: Collection[str]) -> set[str]:
    reached: set[str] = set()
    ahead = set(keys)
    while ahead:
        key = ahead.pop()
        if key not in reached:
            reached.add(key)
            ahead |= segments_of(known[key]) if key in known else set()
    return reached


def _put_together(session: Session, standing: Standing) -> Segments:
    rows: Sequence[tuple[str, Mapping[str, str], object]] = [
        tuple(row)
        for row in session.connection().execute(
            select(col(Segment.key), col(Segment.title), col(Segment.condition))
            .where(col(Segment.archived_at).is_(None))
            .order_by(col(Segment.position), col(Segment.key))
        )
    ]
    return Segments(standing, stored(rows))


def stored(rows: Iterable[tuple[str, Mapping[str, str], object]]) -> tuple[Stored, ...]:
    """Segments from their keys, titles and written conditions."""
    read = [(key, title, parse(said, level="account")) for key, title, said in rows]
    known = {key: condition for key, _, condition in read}
    return tuple(Stored(key, title, expanded(condition, known, inside=(key,))) for key, title, condition in read)


_STANDING = Prepared(
    select(col(Segment.key), col(Segment.digest), col(Segment.position))
    .where(col(Segment.archived_at).is_(None))
    .order_by(col(Segment.position), col(Segment.key))
)
_kept: Recent[Standing, Segments] = Recent(8)
