"""A checklist as a form, as a file, and in words: nothing is lost on any of the ways."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings

from portal.checklists.circles import in_circles
from portal.checklists.definition import Definition, parse_checklist
from portal.checklists.told import differences
from portal.checklists.written import text_of
from portal.conditions.builder import Node
from portal.kit.files import load_yaml
from portal.kit.i18n import LOCALES
from portal.workshop.acts import edited, named, placed
from portal.workshop.form import ChecklistForm, FormProblems, StepForm, fields_of, form_in, form_of, read
from portal.workshop.starters import starters
from tests.onboarding import checklist, step
from tests.portal.checklists.test_definition import definitions


@settings(max_examples=60, deadline=None)
@given(definitions())
def test_there_and_back(definition: Definition) -> None:
    form = form_in({name: value.replace("\n", "\r\n") for name, value in fields_of(form_of(definition)).items()})
    assert form == form_of(definition)
    assert read(form) == definition
    assert parse_checklist(load_yaml(text_of(definition), file="")) == definition
    assert differences(definition, definition) == []


STEP = StepForm(key="a", title_ja="一")
FORM = ChecklistForm(key="start", title_ja="はじめ", steps=(STEP,))

WRONG = [
    (replace(FORM, title_ja=""), {"title_ja"}),
    (replace(FORM, title_en="x" * 201), {"title_en"}),
    (replace(FORM, key="Not a key"), {"key"}),
    (replace(FORM, due="soon"), {"due"}),
    (replace(FORM, from_day="2026-02-30"), {"from_day"}),
    (replace(FORM, steps=()), {"steps"}),
    (replace(FORM, completed="at_least", enough="2"), {"enough"}),
    (replace(FORM, completed="condition"), {"completed_when"}),
    (replace(FORM, audience=Node("role", value="admin")), {"audience.value"}),
    (replace(FORM, audience=Node("checklist", value="start")), {"audience"}),
    (replace(FORM, steps=(replace(STEP, title_ja=""),)), {"steps.0.title_ja"}),
    (replace(FORM, steps=(STEP, STEP)), {"steps.1.key"}),
    (replace(FORM, steps=(replace(STEP, scope="members", measure="many"),)), {"steps.0.measure"}),
    (replace(FORM, steps=(replace(STEP, scope="share", measure="120"),)), {"steps.0.measure"}),
    (replace(FORM, steps=(replace(STEP, by="staff", scope="any_member"),)), {"steps.0.scope"}),
    (replace(FORM, steps=(replace(STEP, done="condition"),)), {"steps.0.when"}),
    (replace(FORM, steps=(replace(STEP, done="condition", when=Node("event")),)), {"steps.0.when.name"}),
    (
        replace(FORM, steps=(replace(STEP, by="staff", done="condition", when=Node("event", name="login")),)),
        {"steps.0.when"},
    ),
    (replace(FORM, steps=(replace(STEP, due="1.5", help="nowhere", url="javascript:x"),)),
     {"steps.0.due", "steps.0.help", "steps.0.url"}),
]  # fmt: skip


@pytest.mark.parametrize(("form", "fields"), WRONG)
def test_what_is_wrong_is_said_at_its_field(form: ChecklistForm, fields: set[str]) -> None:
    with pytest.raises(FormProblems) as wrong:
        read(form)
    assert set(wrong.value.problems) == fields
    assert all(said.into("ja") for one in wrong.value.problems.values() for said in one)


def test_digits_of_a_japanese_keyboard_count() -> None:
    form = replace(FORM, due="３０", steps=(replace(STEP, scope="share", measure="８０％", due="７"),))
    found = read(form)
    assert (str(found.due), str(found.steps[0].due), found.steps[0].scope) == ("30d", "7d", read(form).steps[0].scope)


BUTTONS = [
    ("step:add", ["a", "b", "c", ""]),
    ("step:up:1", ["b", "a", "c"]),
    ("step:up:0", ["a", "b", "c"]),
    ("step:down:0", ["b", "a", "c"]),
    ("step:down:2", ["a", "b", "c"]),
    ("step:remove:1", ["a", "c"]),
    ("step:remove:9", ["a", "b", "c"]),
    ("nonsense", ["a", "b", "c"]),
    ("add:steps.9.when", ["a", "b", "c"]),
    ("add:key.__class__", ["a", "b", "c"]),
]


@pytest.mark.parametrize(("act", "keys"), BUTTONS)
def test_what_buttons_do_to_steps(act: str, keys: list[str]) -> None:
    form = replace(FORM, steps=tuple(replace(STEP, key=key) for key in "abc"))
    assert [one.key for one in edited(form, act).steps] == keys


def test_what_buttons_do_to_conditions() -> None:
    form = edited(edited(FORM, "add:audience"), "add:steps.0.when")
    assert (form.audience, form.steps[0].when, form.steps[0].done) == (Node("event"), Node("event"), "condition")
    assert edited(edited(form, "remove:audience"), "add:completed_when").completed_when == Node("event")
    nested = edited(edited(form, "group:audience"), "ask:audience.1.0")
    assert nested.audience is not None
    assert len(nested.audience.parts[1].parts[0].where) == 1


def test_steps_stand_in_the_order_they_were_dragged_to() -> None:
    fields = fields_of(replace(FORM, steps=tuple(replace(STEP, key=key) for key in "abc")))
    assert [one.key for one in form_in(fields, order=["2", "0", "x", "9", "0"]).steps] == ["c", "a", "b"]


def test_keys_are_made_of_titles_and_help_of_what_it_is_called() -> None:
    steps = (
        StepForm(title_en="Invite Three!"),
        StepForm(title_ja="二"),
        StepForm(key="step-2"),
        StepForm(title_en="Invite three"),
    )
    assert [one.key for one in named(replace(FORM, steps=steps)).steps] == [
        "invite-three",
        "step-2-2",
        "step-2",
        "invite-three-2",
    ]
    called = replace(FORM, steps=(replace(STEP, help=" 招待する "),))
    assert placed(called, {"招待する": "manuals/inviting"}).steps[0].help == "manuals/inviting"


def test_starters_are_whole_in_both_languages() -> None:
    assert [one.name for one in starters()] == [
        "setup-30-days",
        "admin-first-week",
        "habit-8-days",
        "migration",
        "light-tech-touch",
    ]
    for one in starters():
        texts = [one.about, one.definition.title, *(s.title for s in one.definition.steps)]
        texts += [s.description for s in one.definition.steps if s.description]
        assert all(set(text) == set(LOCALES) for text in texts), one.name
        assert one.definition.due
        assert read(form_of(one.definition)) == one.definition
    assert len({one.definition.key for one in starters()}) == 5
    assert in_circles(one.definition for one in starters()) == frozenset()


def test_versions_differ_in_words() -> None:
    old = checklist(step("a") + step("b", "{event: login}", due="7d") + step("c"), due="30d")
    new = checklist(
        step("c") + step("b", "{event: login, at_least: 3}", scope="any_member", required="false") + step("d"),
        due="1mo",
        audience="{plan: pro}",
    )
    assert [str(one) for one in differences(old, new)] == [
        "For whom: plan is pro (before: every customer)",
        "Deadline: within one month of the start (before: within 30 days of the start)",
        "Step “a” is gone",
        "Step “b”: Who: any one person (before: once for the whole customer)",
        "Step “b”: optional now",
        "Step “b”: Deadline: without a deadline (before: within 7 days of the start)",
        "Step “b”: Done when: usage log login at least 3 times (before: usage log login at least once)",
        "Step “d” is new: somebody of the customer ticks it",
        "The steps stand in another order",
    ]
