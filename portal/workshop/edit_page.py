"""What the page of a checklist gives its template: the form with words for its choices, and what is wrong with it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from portal.checklists.choices import Choices
from portal.checklists.definition import Definition, Step
from portal.checklists.told import (
    TICKED,
    TICKED_BY_STAFF,
    audience_told,
    completing_told,
    done_told,
    due_told,
    scope_told,
)
from portal.conditions import builder
from portal.conditions.builder import BuilderProblems
from portal.conditions.sentences import sentence
from portal.kit.i18n import Message
from portal.workshop.drafts import Opened
from portal.workshop.form import ChecklistForm

UNITS: Final = (("d", Message("days")), ("w", Message("weeks")), ("mo", Message("months")))
SCOPES: Final = (
    ("account", Message("Once for the whole customer")),
    ("any_member", Message("Any one person")),
    ("every_member", Message("Every person")),
    ("members", Message("So many people")),
    ("share", Message("So many per cent of the people")),
    ("role", Message("A person with a role")),
)
DONE: Final = (("tick", Message("Somebody ticks it")), ("condition", Message("It ticks itself, when …")))
BY: Final = (("customer", Message("The customer")), ("staff", Message("We (staff tick it, the customer sees it)")))
COMPLETED: Final = (
    ("required", Message("Every required step is done")),
    ("at_least", Message("So many steps are done, whichever")),
    ("condition", Message("A condition holds")),
)
STANDING: Final[Mapping[str, tuple[Message, str]]] = {
    "live": (Message("Published"), "good"),
    "draft": (Message("Draft"), ""),
    "ended": (Message("Ended"), ""),
}
DRAFT: Final = Message("Draft, not published")


@dataclass(frozen=True)
class EditPage:
    """For `workshop/edit.html`. `errors` are by field; `focus` names what the keyboard goes on with.

    `told` says in words when a step is done, as far as that can be read. `kept` are the keys of steps that are
    published, which stay as they are. `overtaken`: who saved meanwhile, and when; `theirs` is in what the two differ.
    """

    opened: Opened
    form: ChecklistForm
    number: int
    errors: Mapping[str, Sequence[Message]]
    choices: Choices
    kept: frozenset[str]
    focus: str
    open_steps: frozenset[int]
    told: Mapping[int, Message]
    overtaken: tuple[str, datetime] | None
    theirs: Sequence[Message]
    may_publish: bool
    sees_customers: bool
    units: Sequence[tuple[str, Message]] = UNITS
    scopes: Sequence[tuple[str, Message]] = SCOPES
    done: Sequence[tuple[str, Message]] = DONE
    by: Sequence[tuple[str, Message]] = BY
    completed: Sequence[tuple[str, Message]] = COMPLETED


@dataclass(frozen=True)
class StepTold:
    """A step in words."""

    step: Step
    who: Message
    done: Message
    due: Message


@dataclass(frozen=True)
class ToldPage:
    """For `workshop/told.html`: a checklist in words, for whoever may not or cannot change it here."""

    opened: Opened
    definition: Definition
    audience: Message
    completing: Message
    due: Message
    steps: Sequence[StepTold]
    may_write: bool
    sees_customers: bool


def told(definition: Definition, opened: Opened, *, may_write: bool, sees_customers: bool) -> ToldPage:
    """The checklist in words."""
    return ToldPage(
        opened=opened,
        definition=definition,
        audience=audience_told(definition.audience),
        completing=completing_told(definition.completed_when),
        due=due_told(definition.due),
        steps=[
            StepTold(step, scope_told(step.scope), done_told(step), due_told(step.due)) for step in definition.steps
        ],
        may_write=may_write,
        sees_customers=sees_customers,
    )


def where_focus_goes(form: ChecklistForm, act: str) -> tuple[str, frozenset[int]]:
    """The field to go on with after a button, and the steps that stand open for it."""
    verb, _, rest = act.partition(":")
    last = len(form.steps) - 1
    if act == "step:add":
        return f"steps.{last}.title_ja", frozenset({last})
    if verb == "step":
        what, _, place = rest.partition(":")
        number = int(place) if place.isdecimal() else 0
        if what == "remove":
            return "step:add", frozenset()
        number = min(max(number + (-1 if what == "up" else 1), 0), max(last, 0))
        return f"step:{what}:{number}", frozenset()
    parts = rest.split(":")[0].split(".")
    opened = (
        frozenset({int(parts[1])}) if parts[0] == "steps" and len(parts) > 1 and parts[1].isdecimal() else frozenset()
    )
    return f"{verb}:{rest.split(':')[0]}" if verb in ("add", "group", "ask", "unask", "remove") else "", opened


def steps_told(form: ChecklistForm) -> dict[int, Message]:
    """When each step is done, in words; steps that cannot be read yet are left out."""
    found: dict[int, Message] = {}
    for number, step in enumerate(form.steps):
        if step.done == "tick":
            found[number] = TICKED_BY_STAFF if step.by == "staff" else TICKED
        elif step.when is not None:
            with contextlib.suppress(BuilderProblems):
                found[number] = sentence(builder.read(step.when, level="member"))
    return found


def steps_at_fault(errors: Mapping[str, object]) -> frozenset[int]:
    """The steps with something wrong in them."""
    numbers = [name.split(".")[1] for name in errors if name.startswith("steps.")]
    return frozenset(int(number) for number in numbers if number.isdecimal())
