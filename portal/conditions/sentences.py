"""A condition as a sentence: what has to hold, for people to read, in their own language.

`words` says how it stands with somebody ("2 of 3 member.invited"); here is what is asked, of nobody in particular.
"""

from __future__ import annotations

from collections.abc import Sequence

from portal.conditions.dump import percent_of
from portal.conditions.model import (
    All,
    Any,
    ChecklistDone,
    Comparison,
    Condition,
    EventCount,
    InSegment,
    Not,
    Trait,
    shorthand,
)
from portal.conditions.values import shown
from portal.conditions.words import LABELS, span_words
from portal.kit.i18n import Message

_COMPARED = {
    "eq": Message("%(trait)s is %(value)s").msgid,
    "ne": Message("%(trait)s is not %(value)s").msgid,
    "in": Message("%(trait)s is one of %(value)s").msgid,
    "gt": Message("%(trait)s is more than %(value)s").msgid,
    "gte": Message("%(trait)s is at least %(value)s").msgid,
    "lt": Message("%(trait)s is less than %(value)s").msgid,
    "lte": Message("%(trait)s is at most %(value)s").msgid,
    "contains": Message("%(trait)s contains %(value)s").msgid,
}
_DONE = {
    "tutorial": Message("the tutorial %(key)s finished").msgid,
    "webinar": Message("the recording %(key)s watched").msgid,
    "document": Message("the article %(key)s read").msgid,
}


def sentence(condition: Condition) -> Message:
    """What `condition` asks."""
    match condition:
        case All(parts):
            return _joined(Message("%(first)s and %(rest)s").msgid, parts)
        case Any(parts):
            return _joined(Message("%(first)s or %(rest)s").msgid, parts)
        case Not(part):
            return Message("not (%(part)s)", part=sentence(part))
        case Trait(name):
            return _comparison(LABELS.get(name) or name.removeprefix("traits."), condition)
        case ChecklistDone(key):
            return Message("the checklist %(key)s completed", key=shown(key))
        case InSegment(key):
            return Message("in the segment “%(key)s”", key=key)
    return _count(condition)


def _joined(msgid: str, parts: Sequence[Condition]) -> Message:
    said = [_apart(part) if len(parts) > 1 else sentence(part) for part in parts]
    whole = said[-1]
    for one in reversed(said[:-1]):
        whole = Message(msgid, first=one, rest=whole)
    return whole


def _apart(part: Condition) -> Message:
    inner = sentence(part)
    return Message("(%(inside)s)", inside=inner) if isinstance(part, All | Any) and len(part.parts) > 1 else inner


def _count(query: EventCount) -> Message:
    what, quantity = _what(query), _quantity(query)
    if query.within:
        return Message(
            "%(what)s %(quantity)s within %(span)s of the start",
            what=what,
            quantity=quantity,
            span=span_words(query.within),
        )
    if query.last:
        return Message(
            "%(what)s %(quantity)s in the last %(span)s", what=what, quantity=quantity, span=span_words(query.last)
        )
    return Message("%(what)s %(quantity)s", what=what, quantity=quantity)


def _what(query: EventCount) -> Message:
    about = shorthand(query)
    share = next((said for one in query.where if (said := percent_of(one))), None) if about else None
    if about is None:
        what = Message("usage log %(event)s", event=shown(query.event))
    else:
        what = Message(_DONE[about.name], key=shown(about.value))
        if share:
            what = Message("%(what)s to %(share)s", what=what, share=share)
    asked = [one for one in query.where if one != about and not (share and percent_of(one))]
    if not asked:
        return what
    whole = _comparison(asked[-1].name, asked[-1])
    for one in reversed(asked[:-1]):
        whole = Message("%(first)s and %(rest)s", first=_comparison(one.name, one), rest=whole)
    return Message("%(what)s (%(asked)s)", what=what, asked=whole)


def _quantity(query: EventCount) -> Message:
    n = query.at_least
    match query.distinct:
        case None:
            return Message("at least once") if n == 1 else Message("at least %(n)s times", n=n)
        case "day":
            return Message("on at least %(n)s days", n=n)
        case "member":
            return Message("by at least %(n)s people", n=n)
    return Message("with at least %(n)s different “%(property)s”", n=n, property=shown(query.distinct))


def _comparison(name: object, comparison: Comparison) -> Message:
    if comparison.op == "exists":
        return (
            Message("%(trait)s is set", trait=name) if comparison.value else Message("%(trait)s is not set", trait=name)
        )
    return Message(_COMPARED[comparison.op], trait=name, value=shown(comparison.value))
