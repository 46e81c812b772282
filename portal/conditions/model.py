"""What a condition is once it has been read: a tree of frozen values.

Every node is hashable, so that a query for events can be the key under which its tally is kept, and two steps that ask
the same question are answered once. `tutorial`, `webinar` and `document` are no nodes of their own: they are short for
counting an event of the portal, and `shorthand` recognises them again for those who show or write a condition.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from portal.kit.clock import Span

Op = Literal["eq", "ne", "in", "gt", "gte", "lt", "lte", "contains", "exists"]
OPS: Final[tuple[Op, ...]] = get_args(Op)
Scalar = str | int | float | bool
Value = Scalar | tuple[Scalar, ...]

SHORTHANDS: Final = {"tutorial": "tutorial.completed", "webinar": "webinar.watched", "document": "article.read"}
"""The short key, and the event it counts; the event names its subject in a property called like the key."""

WATCHED: Final = "share"
"""The property of `webinar.watched` that says how much of the webinar was seen, from 0 to 1."""


@dataclass(frozen=True)
class Comparison:
    """A named value, compared: `value` is a tuple for `in`, a bool for `exists`, one scalar otherwise."""

    name: str
    op: Op
    value: Value
    bools: tuple[bool, ...] = field(init=False, repr=False)
    """Which values are booleans: to Python `True == 1`, so without it two questions would share one answer."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "bools", tuple(isinstance(value, bool) for value in self.values))

    @property
    def values(self) -> tuple[Scalar, ...]:
        """What is compared with, always as a tuple."""
        return self.value if isinstance(self.value, tuple) else (self.value,)


@dataclass(frozen=True)
class Trait(Comparison):
    """Something known about the account or member: `plan`, `role`, `locale`, `tier` or `traits.<key>`."""


@dataclass(frozen=True)
class EventCount:
    """At least so many occurrences of an event; at most one of `within` (of the start) and `last` (up to now) is given.

    `distinct` counts different days, members, or values of the property it names, instead of occurrences. The order of
    `where` has no meaning and is made canonical; one property is compared in one way once only.
    """

    event: str
    at_least: int = 1
    within: Span | None = None
    last: Span | None = None
    where: tuple[Comparison, ...] = ()
    distinct: str | None = None

    def __post_init__(self) -> None:
        ordered = tuple(sorted(self.where, key=lambda comparison: (comparison.name, comparison.op)))
        if len({(comparison.name, comparison.op) for comparison in ordered}) < len(ordered):
            raise ValueError("a property is compared twice in the same way")
        object.__setattr__(self, "where", ordered)


@dataclass(frozen=True)
class ChecklistDone:
    """The checklist `key` is completed."""

    key: str


@dataclass(frozen=True)
class InSegment:
    """The account is in the segment `key`, whoever of it is asked about.

    `part` is what the segment asks for, once `segments.expanded` has looked it up; it is no part of what was written.
    """

    key: str
    part: Condition | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class All:
    """Every part holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class Any:
    """At least one part holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class Not:
    """The part does not hold."""

    part: Condition


Condition = All | Any | Not | Trait | EventCount | ChecklistDone | InSegment


def children(condition: Condition) -> tuple[Condition, ...]:
    """The conditions directly inside `condition`."""
    if isinstance(condition, All | Any):
        return condition.parts
    return (condition.part,) if isinstance(condition, Not) else ()


def walk(condition: Condition) -> Iterator[Condition]:
    """`condition` and everything written in it, outermost first; what a segment asks for is not."""
    yield condition
    for child in children(condition):
        yield from walk(child)


def walk_through(condition: Condition) -> Iterator[Condition]:
    """`walk`, and what the segments in it ask for, as far as they were looked up."""
    for node in walk(condition):
        yield node
        if isinstance(node, InSegment) and node.part is not None:
            yield from walk_through(node.part)


def depth_of(condition: Condition) -> int:
    """How many conditions lie inside one another, the leaf included."""
    return 1 + max((depth_of(child) for child in children(condition)), default=0)


def queries(condition: Condition) -> frozenset[EventCount]:
    """Every question about events that must be answered before `condition` can be evaluated. Those of a segment are
    asked of the account, on their own."""
    return frozenset(node for node in walk(condition) if isinstance(node, EventCount))


def events_of(condition: Condition) -> frozenset[str]:
    """The names of all events `condition` depends on."""
    return frozenset(node.event for node in walk_through(condition) if isinstance(node, EventCount))


def checklists_of(condition: Condition) -> frozenset[str]:
    """The keys of all checklists `condition` depends on."""
    return frozenset(node.key for node in walk_through(condition) if isinstance(node, ChecklistDone))


def segments_of(condition: Condition) -> frozenset[str]:
    """The keys of all segments `condition` names."""
    return frozenset(node.key for node in walk(condition) if isinstance(node, InSegment))


def plans_of(condition: Condition) -> frozenset[str]:
    """The keys of all plans `condition` names."""
    traits = (node for node in walk(condition) if isinstance(node, Trait) and node.name == "plan")
    return frozenset(value for trait in traits for value in trait.values if isinstance(value, str))


def references_of(condition: Condition) -> frozenset[tuple[str, str]]:
    """What `condition` refers to, as `(kind, key)`; a kind is tutorial, webinar, document, checklist or segment."""
    found = {("checklist", key) for key in checklists_of(condition)}
    found |= {("segment", key) for key in segments_of(condition)}
    for query in queries(condition):
        subject = shorthand(query)
        if subject:
            found |= {(subject.name, value) for value in subject.values if isinstance(value, str)}
    return frozenset(found)


def is_time_dependent(condition: Condition) -> bool:
    """Whether the answer can turn from yes to no: as time passes (`last`) or by a further event (`not` over events).

    Such a condition cannot be decided once and kept; it is asked again when it matters.
    """
    if isinstance(condition, Not):
        return bool(events_of(condition.part))
    if isinstance(condition, EventCount):
        return condition.last is not None
    if isinstance(condition, InSegment):
        return condition.part is not None and is_time_dependent(condition.part)
    return any(is_time_dependent(child) for child in children(condition))


def shorthand(query: EventCount) -> Comparison | None:
    """The comparison that makes `query` sayable as `tutorial: key`, `webinar: key` or `document: id`, if it is."""
    for name, event in SHORTHANDS.items():
        if query.event == event:
            about = [comparison for comparison in query.where if comparison.name == name]
            if len(about) == 1 and about[0].op in ("eq", "in") and all(_is_key(value) for value in about[0].values):
                return about[0]
    return None


def _is_key(value: Scalar) -> bool:
    return isinstance(value, str) and bool(value.strip())
