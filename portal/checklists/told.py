"""A definition told in sentences, and how one differs from another: for those who decide about it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from portal.checklists.definition import (
    Account,
    AnyMember,
    AtLeast,
    Definition,
    EveryMember,
    Members,
    Required,
    Role,
    Scope,
    Share,
    Step,
    Text,
    Tick,
)
from portal.conditions.model import Condition
from portal.conditions.sentences import sentence
from portal.conditions.words import span_words
from portal.kit.clock import Span
from portal.kit.i18n import LOCALES, Message

NOTHING = Message("nothing")
TICKED = Message("somebody of the customer ticks it")
TICKED_BY_STAFF = Message("staff tick it")


def audience_told(audience: Condition | None) -> Message:
    """For whom it is."""
    return Message("every customer") if audience is None else sentence(audience)


def completing_told(rule: Required | AtLeast | Condition) -> Message:
    """What completes it."""
    match rule:
        case Required():
            return Message("every required step is done")
        case AtLeast(n):
            return Message("any %(n)s steps are done", n=n)
    return sentence(rule)


def scope_told(scope: Scope) -> Message:
    """Who does a step."""
    match scope:
        case Account():
            return Message("once for the whole customer")
        case AnyMember():
            return Message("any one person")
        case EveryMember():
            return Message("every person")
        case Members(n):
            return Message("at least %(n)s persons", n=n)
        case Share(percent):
            return Message("%(percent)s%% of the people", percent=percent)
        case Role(name):
            return Message("a person with the role %(role)s", role=name)


def done_told(step: Step) -> Message:
    """When a step is done."""
    if not isinstance(step.done_when, Tick):
        return sentence(step.done_when)
    return TICKED_BY_STAFF if step.by == "staff" else TICKED


def due_told(span: Span | None) -> Message:
    """By when."""
    if span is None:
        return Message("without a deadline")
    return Message("within %(span)s of the start", span=span_words(span))


def differences(old: Definition, new: Definition) -> list[Message]:
    """Everything in which `new` is not `old`, a sentence each; none where they are the same."""
    return [*_head(old, new), *_steps(old, new)]


def _head(old: Definition, new: Definition) -> Iterator[Message]:
    if old.title != new.title:
        yield _changed(Message("Title"), _text(old.title), _text(new.title))
    if old.audience != new.audience:
        yield _changed(Message("For whom"), audience_told(old.audience), audience_told(new.audience))
    if old.from_day != new.from_day:
        first, second = (str(one.from_day) if one.from_day else NOTHING for one in (old, new))
        yield _changed(Message("From"), first, second)
    if old.due != new.due:
        yield _changed(Message("Deadline"), due_told(old.due), due_told(new.due))
    if old.completed_when != new.completed_when:
        yield _changed(
            Message("Completed when"), completing_told(old.completed_when), completing_told(new.completed_when)
        )


def _steps(old: Definition, new: Definition) -> Iterator[Message]:
    before = {step.key: step for step in old.steps}
    after = {step.key: step for step in new.steps}
    for key, step in before.items():
        if key not in after:
            yield Message("Step “%(step)s” is gone", step=_text(step.title))
    for key, step in after.items():
        if key not in before:
            yield Message("Step “%(step)s” is new: %(done)s", step=_text(step.title), done=done_told(step))
        else:
            for what in _step(before[key], step):
                yield Message("Step “%(step)s”: %(what)s", step=_text(step.title), what=what)
    if [key for key in before if key in after] != [key for key in after if key in before]:
        yield Message("The steps stand in another order")


def _step(old: Step, new: Step) -> Iterator[Message]:
    if old.title != new.title:
        yield _changed(Message("Title"), _text(old.title), _text(new.title))
    if old.description != new.description:
        yield Message("the description is another")
    if old.by != new.by:
        yield _changed(Message("Done by"), *(_by(one) for one in (old, new)))
    if old.scope != new.scope:
        yield _changed(Message("Who"), scope_told(old.scope), scope_told(new.scope))
    if old.required != new.required:
        yield Message("required now") if new.required else Message("optional now")
    if old.due != new.due:
        yield _changed(Message("Deadline"), due_told(old.due), due_told(new.due))
    if old.done_when != new.done_when:
        yield _changed(Message("Done when"), done_told(old), done_told(new))
    if old.help != new.help:
        yield _changed(Message("Help"), old.help or NOTHING, new.help or NOTHING)
    if old.url != new.url:
        yield _changed(Message("Address"), old.url or NOTHING, new.url or NOTHING)


def _by(step: Step) -> Message:
    return Message("the vendor") if step.by == "staff" else Message("the customer")


def _changed(what: Message, old: Message | str, new: Message | str) -> Message:
    return Message("%(what)s: %(new)s (before: %(old)s)", what=what, new=new, old=old)


def _text(text: Text) -> str:
    """A title in every language it has."""
    return " / ".join(dict.fromkeys(text[locale] for locale in LOCALES if locale in text))
