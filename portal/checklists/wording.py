"""What a checklist says to the people who do it: who did a step and how, what still counts, by when, and what is next.

Plain and without blame: a day that has passed is a day that has passed. Colleagues are called by their names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime

from portal.checklists.definition import (
    AnyMember,
    EveryMember,
    Members,
    Role,
    Scope,
    Share,
    Step,
    Tick,
)
from portal.checklists.state import Done, RunState, StepState
from portal.conditions.model import Condition, EventCount, queries, shorthand
from portal.conditions.words import count_words
from portal.kit.i18n import Locale, Message

Days = Callable[[datetime], str]
"""How a day is written for the reader."""

NAMED = 2
BY_THEMSELVES = Message("Ticked by itself · %(day)s").msgid
_HOW = {
    "event": Message("Ticked by itself, through what %(who)s did · %(day)s").msgid,
    "tutorial": Message("Ticked by itself: %(who)s finished the tutorial · %(day)s").msgid,
    "document": Message("Ticked by itself: %(who)s read the article · %(day)s").msgid,
    "webinar": Message("Ticked by itself: %(who)s watched the recording · %(day)s").msgid,
    "member": Message("Done by %(who)s · %(day)s").msgid,
    "staff": Message("Done by %(who)s (your support contact) · %(day)s").msgid,
}
_BY_A_SYSTEM = {
    "api": Message("Recorded by a connected system · %(day)s").msgid,
    "webhook": Message("Reported by a connected system · %(day)s").msgid,
}


def called(name: str, locale: Locale) -> str:
    """A colleague's name as one says it: in Japanese with さん, unless it is only an address."""
    return name if locale != "ja" or "@" in name or name.endswith(("さん", "様")) else f"{name}さん"


def people(names: Sequence[str], locale: Locale) -> str:
    """One name, two, or the first and how many others."""
    said = [called(name, locale) for name in names]
    if len(said) <= 1:
        return "".join(said)
    if len(said) <= NAMED:
        return Message("%(first)s and %(second)s", first=said[0], second=said[1]).into(locale)
    return Message("%(first)s and %(count)s others", first=said[0], count=len(said) - 1).into(locale)


def how_done(done: Done, *, me: str, author: str, locale: Locale, day: Days) -> Message:
    """Who or what completed a step, how, and when, in a line; `author` is who did it where the record names nobody."""
    on = day(done.at)
    if done.how in _BY_A_SYSTEM:
        return Message(_BY_A_SYSTEM[done.how], day=on)
    one = done.by_name or done.by or author
    names = done.members or ((one,) if one else ())
    if len(names) <= 1 and me and done.by == me and done.how == "member":
        return Message("Done by you · %(day)s", day=on)
    if not names:
        return Message(BY_THEMSELVES, day=on) if done.how != "staff" else Message("Done · %(day)s", day=on)
    return Message(_HOW[done.how], who=people(names, locale), day=on)


def due_words(state: RunState, *, day: Days) -> Message | None:
    """By when, in words."""
    if state.completed_at is not None:
        return Message("Completed on %(day)s", day=day(state.completed_at))
    if state.status == "excluded" or state.due_at is None:
        return None
    if state.status == "paused" or state.days_left is None:
        return Message("Paused: the deadline waits too")
    on = day(state.due_at)
    match state.days_left:
        case 0:
            return Message("Until today (%(day)s)", day=on)
        case 1:
            return Message("Until tomorrow (%(day)s)", day=on)
        case left if left > 1:
            return Message("%(left)s days left (until %(day)s)", left=left, day=on)
    return Message("%(day)s has passed. Going on now is just as good.", day=on)


def scope_words(scope: Scope) -> Message | None:
    """Who does it; None where it is done once for everybody."""
    match scope:
        case AnyMember():
            return Message("It is enough that one of you does this.")
        case EveryMember():
            return Message("Everyone on the team does this.")
        case Members(n):
            return Message("Done when %(n)s people of the team have done it.", n=n)
        case Share(percent):
            return Message("Done when %(percent)s%% of the team have done it.", percent=percent)
        case Role("admin"):
            return Message("An administrator of your team does this.")
        case Role(name):
            return Message("Somebody with the role “%(role)s” does this.", role=name)
    return None


def ticking_words(step: Step) -> Message | None:
    """How the tick comes about, where it is not the reader's own button."""
    if step.by == "staff":
        return Message("Your support contact does this, and ticks it here.")
    return None if isinstance(step.done_when, Tick) else Message("It ticks itself as soon as it is done.")


def why_next(state: StepState) -> Message:
    """Why this step and no other is proposed."""
    if not state.step.required:
        return Message("Every required step is done. This one is up to you.")
    if state.people is not None and state.mine is None and state.mine_counts:
        return Message("This is the first step in which your own part is still open.")
    return Message("This is the first required step that is still open.")


def people_words(done: int, total: int) -> Message:
    """How many people have done it."""
    return Message("%(done)s of %(total)s people", done=done, total=total)


def counted(step: Step, done: int, total: int, message: Message) -> Message:
    """How far a count has come, without names only machines know where there is just the one count."""
    if not isinstance(step.done_when, EventCount):
        return message
    match step.done_when.distinct:
        case "day":
            return Message("%(done)s of %(total)s days", done=done, total=total)
        case "member":
            return people_words(done, total)
        case None:
            return Message("%(done)s of %(total)s times", done=done, total=total)
    return message


def proof(step: Step, done: Done) -> list[Message | str]:
    """The sentences a completion rests on, in words that can be translated where the rule still says what it said."""
    if isinstance(step.done_when, Tick) or done.how in ("member", "staff", *_BY_A_SYSTEM):
        return []
    count = done.evidence.get("count")
    if isinstance(step.done_when, EventCount) and isinstance(count, int):
        return [count_words(step.done_when, count, met=True)]
    reasons = done.evidence.get("reasons", [])
    return [_again(step.done_when, str(reason)) for reason in reasons] if isinstance(reasons, list) else []


def is_done_once(step: Step) -> bool:
    """Whether the step is one act (a tutorial, an article) rather than a count."""
    return isinstance(step.done_when, EventCount) and (
        shorthand(step.done_when) is not None or step.done_when.at_least == 1
    )


def _again(condition: Condition, sentence: str) -> Message | str:
    """The sentence as it can be said in any language; a record is kept in English only."""
    begins = re.match(r"\d+", sentence)
    for query in queries(condition):
        said = count_words(query, int(begins[0]) if begins else query.at_least, met=True)
        if str(said) == sentence:
            return said
    return sentence
