"""The reasons in words. Each sentence states a fact, never a judgement, so it stays true inside `not`."""

from __future__ import annotations

from typing import Final

from portal.conditions.compare import order
from portal.conditions.dump import percent_of
from portal.conditions.model import Comparison, EventCount, Op, Trait, shorthand
from portal.conditions.values import shown
from portal.kit.clock import Span
from portal.kit.i18n import Message

LABELS: Final = {
    "plan": Message("plan"),
    "role": Message("role"),
    "locale": Message("language"),
    "tier": Message("touch tier"),
}
_SYMBOLS: Final[dict[Op, str]] = {
    "eq": "=",
    "ne": "≠",
    "in": "=",
    "gt": ">",
    "gte": "≥",
    "lt": "<",
    "lte": "≤",
    "contains": "∋",
}


def trait_words(trait: Trait, actual: object, *, met: bool) -> Message:
    """What the trait is, and what was asked of it."""
    name: object = LABELS.get(trait.name) or trait.name.removeprefix("traits.")
    if actual is None:
        return Message("%(name)s is not set", name=name)
    value, wanted = shown(actual), shown(trait.value)
    match trait.op, met:
        case ("eq" | "in", True) | ("ne", False) | ("exists", _):
            return Message("%(name)s is %(value)s", name=name, value=value)
        case ("eq", False) | ("ne", True):
            return Message("%(name)s is %(value)s, not %(wanted)s", name=name, value=value, wanted=wanted)
        case ("in", False):
            return Message("%(name)s is %(value)s, not one of %(wanted)s", name=name, value=value, wanted=wanted)
        case ("contains", True):
            return Message("%(name)s contains %(wanted)s", name=name, wanted=wanted)
        case ("contains", False):
            return Message("%(name)s does not contain %(wanted)s", name=name, wanted=wanted)
    return _order_words(trait, actual, name)


def _order_words(trait: Trait, actual: object, name: object) -> Message:
    value, wanted = shown(actual), shown(trait.value)
    match order(actual, trait.value):
        case None:
            return Message(
                "%(name)s is %(value)s, which cannot be compared with %(wanted)s", name=name, value=value, wanted=wanted
            )
        case 0:
            return Message("%(name)s is %(value)s", name=name, value=value)
        case 1:
            return Message("%(name)s is %(value)s, more than %(wanted)s", name=name, value=value, wanted=wanted)
    return Message("%(name)s is %(value)s, less than %(wanted)s", name=name, value=value, wanted=wanted)


def count_words(query: EventCount, count: int, *, met: bool) -> Message:
    """How often it happened of how often it must, or, for what is done once, whether it is done; then the window."""
    what = _done_words(query, met=met) or _of_words(query, count)
    if query.within:
        return Message("%(what)s within %(span)s of the start", what=what, span=span_words(query.within))
    if query.last:
        return Message("%(what)s in the last %(span)s", what=what, span=span_words(query.last))
    return what


def checklist_words(key: str, *, met: bool) -> Message:
    """Whether the checklist is completed."""
    if met:
        return Message("checklist “%(key)s” is completed", key=key)
    return Message("checklist “%(key)s” is not completed", key=key)


def segment_words(key: str, *, met: bool) -> Message:
    """Whether the customer is in the segment."""
    if met:
        return Message("in the segment “%(key)s”", key=key)
    return Message("not in the segment “%(key)s”", key=key)


def _done_words(query: EventCount, *, met: bool) -> Message | None:
    about = shorthand(query)
    if about is None or about.op != "eq" or query.at_least > 1:
        return None
    key, rest = about.value, [comparison for comparison in query.where if comparison != about]
    if about.name == "webinar" and len(rest) == 1:
        percent = percent_of(rest[0])
        if percent is None:
            return None
        if met:
            return Message("webinar “%(key)s” is watched to %(share)s", key=key, share=percent)
        return Message("webinar “%(key)s” is not watched to %(share)s", key=key, share=percent)
    if rest:
        return None
    match about.name, met:
        case "tutorial", True:
            return Message("tutorial “%(key)s” is finished", key=key)
        case "tutorial", False:
            return Message("tutorial “%(key)s” is not finished", key=key)
        case "webinar", True:
            return Message("webinar “%(key)s” is watched", key=key)
        case "webinar", False:
            return Message("webinar “%(key)s” is not watched", key=key)
        case _, True:
            return Message("article “%(key)s” is read", key=key)
    return Message("article “%(key)s” is not read", key=key)


def _of_words(query: EventCount, count: int) -> Message:
    needed = query.at_least
    event = query.event
    if query.where:
        event += f" ({shown(', '.join(_asked(comparison) for comparison in query.where))})"
    if query.distinct is None:
        return Message("%(count)s of %(needed)s %(event)s", count=count, needed=needed, event=event)
    if query.distinct == "day":
        return Message("%(count)s of %(needed)s days with %(event)s", count=count, needed=needed, event=event)
    if query.distinct == "member":
        return Message("%(count)s of %(needed)s members with %(event)s", count=count, needed=needed, event=event)
    return Message(
        "%(count)s of %(needed)s different “%(property)s” of %(event)s",
        count=count,
        needed=needed,
        event=event,
        property=query.distinct,
    )


def _asked(comparison: Comparison) -> str:
    if comparison.op == "exists":
        return f"{comparison.name} {'≠' if comparison.value else '='} …"
    return f"{comparison.name} {_SYMBOLS[comparison.op]} {shown(comparison.value)}"


def span_words(span: Span) -> Message:
    """A length: one day, 30 days, two weeks."""
    match span.unit, span.count:
        case "d", 1:
            return Message("one day")
        case "d", count:
            return Message("%(count)s days", count=count)
        case "w", 1:
            return Message("one week")
        case "w", count:
            return Message("%(count)s weeks", count=count)
        case "mo", 1:
            return Message("one month")
    return Message("%(count)s months", count=span.count)
