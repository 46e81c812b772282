"""Deciding a condition from facts: how often something happened, whether that is enough, and why.

Counting and deciding are apart. `tally` knows the calendar and the events of one question; `evaluate` knows neither,
it combines finished tallies with what is known about the account or member. So a caller may keep tallies, and a
preview may invent them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from portal.conditions.compare import all_hold, holds, identity, look_up
from portal.conditions.model import All, Any, ChecklistDone, Condition, EventCount, InSegment, Not, Trait
from portal.conditions.words import checklist_words, count_words, segment_words, trait_words
from portal.kit.clock import Span, day_start, local_day
from portal.kit.i18n import Message

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Occurrence:
    """An event that happened: when, by which member if any, with which properties."""

    at: datetime
    member: int | None = None
    properties: Mapping[str, object] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Tally:
    """The answer to one `EventCount`: `count` as it stands now, and the instant at which it first reached `needed`."""

    count: int
    needed: int
    reached_at: datetime | None = None


@dataclass(frozen=True)
class Facts:
    """All that a condition may be decided from, as it stood at `now`.

    `values` holds `plan`, `role`, `locale`, `tier` and, under `traits`, the traits by name; `tallies` an answer to
    each of `queries(condition)`; `checklists` when each checklist was completed (absent or `None`: not completed);
    `segments` what each segment came to for the account (absent: it is in none such).
    """

    values: Mapping[str, object]
    tallies: Mapping[EventCount, Tally]
    checklists: Mapping[str, datetime | None]
    now: datetime
    segments: Mapping[str, Verdict] = field(default_factory=dict)


@dataclass(frozen=True)
class Reason:
    """What one part of a condition came to; `count` and `needed` where something was counted."""

    met: bool
    message: Message
    count: int | None = None
    needed: int | None = None


@dataclass(frozen=True)
class Verdict:
    """Whether a condition holds, since which instant (`None`: none in particular), and what decided it."""

    met: bool
    at: datetime | None
    reasons: tuple[Reason, ...]


def tally(
    occurrences: Iterable[Occurrence],
    query: EventCount,
    *,
    start: datetime,
    now: datetime,
    zone: ZoneInfo,
    since: datetime | None = None,
) -> Tally:
    """Count `occurrences` of the event of `query`, given in any order, as things stand at `now`.

    Windows are whole days in `zone`: `within: 30d` runs from 00:00 of the day of `start` through the end of the day
    30 days later, `last: 28d` are the 28 days that end with today. What happens after `now` does not count, nor what
    happened at or before `since` (an undo: only what is later can count again). Without a window everything else
    counts, also what was before `start`.

    `reached_at` is the instant of the occurrence that made it enough. For `last`, `count` is what the window holds at
    `now`, and `reached_at` the first instant at which the window that ended on that day held enough, even if it holds
    less today.
    """
    value_of = _distinct(query.distinct, zone)
    counted = sorted(
        (
            (occurrence.at, value)
            for position, occurrence in enumerate(occurrences)
            if occurrence.at <= now
            and (since is None or occurrence.at > since)
            and all_hold(query.where, occurrence.properties)
            and (value := value_of(occurrence, position)) is not None
        ),
        key=lambda pair: pair[0],
    )
    if query.last is not None:
        return _sliding(counted, query.last, needed=query.at_least, now=now, zone=zone)
    if query.within is not None:
        first_day = local_day(start, zone)
        opens, closes = day_start(first_day, zone), day_start(query.within.after(first_day) + ONE_DAY, zone)
        counted = [(at, value) for at, value in counted if opens <= at < closes]
    seen: set[object] = set()
    reached_at = None
    for at, value in counted:
        seen.add(value)
        if reached_at is None and len(seen) >= query.at_least:
            reached_at = at
    return Tally(len(seen), query.at_least, reached_at)


def _sliding(
    counted: list[tuple[datetime, object]], window: Span, *, needed: int, now: datetime, zone: ZoneInfo
) -> Tally:
    days = [local_day(at, zone) for at, _ in counted]
    held: Counter[object] = Counter()
    oldest = 0
    reached_at = None

    def close_before(today: date, *, came: int) -> None:
        """Let go of what of the first `came` is too old; a window of no days lets go of today's too."""
        nonlocal oldest
        first_day = window.before(today) + ONE_DAY
        while oldest < came and days[oldest] < first_day:
            value = counted[oldest][1]
            held[value] -= 1
            if not held[value]:
                del held[value]
            oldest += 1

    for came, ((at, value), day) in enumerate(zip(counted, days, strict=True), start=1):
        held[value] += 1
        close_before(day, came=came)
        if reached_at is None and len(held) >= needed:
            reached_at = at
    close_before(local_day(now, zone), came=len(days))
    return Tally(len(held), needed, reached_at)


def _distinct(kind: str | None, zone: ZoneInfo) -> Callable[[Occurrence, int], object]:
    """What makes two occurrences count as one; `None` is what does not count at all."""
    if kind is None:
        return lambda _, position: position
    if kind == "day":
        return lambda occurrence, _: local_day(occurrence.at, zone)
    if kind == "member":
        return lambda occurrence, _: occurrence.member

    def property_of(occurrence: Occurrence, _: int) -> object:
        value = look_up(occurrence.properties, kind)
        return None if value is None else identity(value)

    return property_of


def evaluate(condition: Condition, facts: Facts, *, ever: bool = False) -> Verdict:
    """Whether `condition` holds by `facts`.

    The instant: of `all` the latest of its parts, of `any` the earliest of those that hold, of an event when it was
    enough, of a checklist when it was completed; traits and `not` have none, and those without one are passed over.
    With `ever`, a `last` window that once held enough is accepted, as a step that never un-completes wants it; each
    part on its own, and not inside `not`, which always speaks of now. Raises `KeyError` where `facts` lacks a tally.
    """
    match condition:
        case Trait(name, op, value):
            actual = look_up(facts.values, name)
            met = holds(actual, op, value)
            return Verdict(met, None, (Reason(met, trait_words(condition, actual, met=met)),))
        case EventCount():
            return _counted(condition, facts.tallies[condition], ever=ever)
        case ChecklistDone(key):
            done_at = facts.checklists.get(key)
            met = done_at is not None
            return Verdict(met, done_at, (Reason(met, checklist_words(key, met=met)),))
        case InSegment(key):
            inside = facts.segments.get(key)
            met = inside is not None and inside.met
            return Verdict(met, inside.at if inside else None, (Reason(met, segment_words(key, met=met)),))
        case Not(part):
            return _negated(evaluate(part, facts))
        case All(parts):
            verdicts = [evaluate(part, facts, ever=ever) for part in parts]
            met = all(verdict.met for verdict in verdicts)
            at = max(_instants(verdicts), default=None) if met else None
            return Verdict(met, at, tuple(reason for verdict in verdicts for reason in verdict.reasons))
        case Any(parts):
            verdicts = [evaluate(part, facts, ever=ever) for part in parts]
            holding = [verdict for verdict in verdicts if verdict.met]
            at = min(_instants(holding), default=None)
            return Verdict(
                bool(holding), at, tuple(reason for verdict in holding or verdicts for reason in verdict.reasons)
            )


Known = Mapping[str, object]
Counted = Callable[[EventCount], int]


def is_met(condition: Condition, values: Known, count_of: Counted, *, completed: Known) -> bool:
    """Whether `condition` holds, and nothing else: what `evaluate` says, for going through very many accounts.

    `completed` has a value for each checklist that is completed; segments must have been looked up (`InSegment.part`),
    and one that was not found holds for nobody.
    """
    match condition:
        case Trait(name, op, value):
            return holds(look_up(values, name), op, value)
        case EventCount():
            return count_of(condition) >= condition.at_least
        case ChecklistDone(key):
            return completed.get(key) is not None
        case InSegment(_, part):
            return part is not None and is_met(part, values, count_of, completed=completed)
        case Not(part):
            return not is_met(part, values, count_of, completed=completed)
        case All(parts):
            return all(is_met(part, values, count_of, completed=completed) for part in parts)
        case Any(parts):
            return any(is_met(part, values, count_of, completed=completed) for part in parts)


def _counted(query: EventCount, answer: Tally, *, ever: bool) -> Verdict:
    needed, count = query.at_least, answer.count
    once = ever and answer.reached_at is not None
    met = once or count >= needed
    if once:
        count = max(count, needed)  # a window that has slid on since held exactly this many at that instant
    reason = Reason(met, count_words(query, count, met=met), count, needed)
    return Verdict(met, answer.reached_at if met else None, (reason,))


def _negated(verdict: Verdict) -> Verdict:
    """The opposite, by the reasons that decided the original."""
    deciding = (reason for reason in verdict.reasons if reason.met is verdict.met)
    return Verdict(not verdict.met, None, tuple(replace(reason, met=not verdict.met) for reason in deciding))


def _instants(verdicts: Iterable[Verdict]) -> Iterator[datetime]:
    return (verdict.at for verdict in verdicts if verdict.at is not None)
