"""What the buttons of the form do, other than saving it: steps and sentences come, go and change places. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from portal.checklists.definition import MAX_STEPS
from portal.conditions import builder_form
from portal.kit.slugs import free, slug
from portal.workshop.form import ChecklistForm, StepForm


def edited(form: ChecklistForm, act: str) -> ChecklistForm:
    """The form after a button: `step:add`, `step:up:2`, or, for a condition, `add:steps.2.when.0.1` and the like."""
    verb, _, rest = act.partition(":")
    if verb == "step":
        return _steps_edited(form, *rest.split(":"))
    form = replace(
        form,
        audience=builder_form.pressed(form.audience, act, name="audience"),
        completed_when=builder_form.pressed(form.completed_when, act, name="completed_when"),
    )
    found = re.match(r"steps\.(\d{1,3})\.when\b", rest)
    if found is None or int(found[1]) >= len(form.steps):
        return form
    number = int(found[1])
    step = form.steps[number]
    return _with_step(
        form, number, replace(step, when=builder_form.pressed(step.when, act, name=found[0]), done="condition")
    )


def _steps_edited(form: ChecklistForm, verb: str, place: str = "", *_: str) -> ChecklistForm:
    steps = list(form.steps)
    number = int(place) if place.isdecimal() else len(steps)
    if verb == "add" and len(steps) < MAX_STEPS:
        steps.append(StepForm())
    elif number < len(steps):
        if verb == "remove":
            del steps[number]
        elif verb in ("up", "down"):
            to = min(max(number + (-1 if verb == "up" else 1), 0), len(steps) - 1)
            steps.insert(to, steps.pop(number))
    return replace(form, steps=tuple(steps))


def _with_step(form: ChecklistForm, number: int, step: StepForm) -> ChecklistForm:
    return replace(form, steps=(*form.steps[:number], step, *form.steps[number + 1 :]))


def named(form: ChecklistForm) -> ChecklistForm:
    """The form with a key for every step that has none: made of its English title, or else its number. Keys stay."""
    taken = {step.key.strip() for step in form.steps}
    steps = []
    for number, step in enumerate(form.steps, start=1):
        if step.key.strip():
            steps.append(step)
            continue
        key = free(slug(step.title_en) or f"step-{number}", taken.__contains__)
        taken.add(key)
        steps.append(replace(step, key=key))
    return replace(form, steps=tuple(steps))


def placed(form: ChecklistForm, places: Mapping[str, str]) -> ChecklistForm:
    """The form with what is called by its title as help turned into its place: `places` is by title."""
    return replace(
        form, steps=tuple(replace(step, help=places.get(step.help.strip(), step.help)) for step in form.steps)
    )
