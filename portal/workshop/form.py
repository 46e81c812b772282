"""A checklist as a form: the fields of a page, and the way to a definition and back.

`form_of` and `read` are each other's inverse: what a file says, the form says, and the other way round. What is wrong
is named by field, in the sentences that files are refused with, because it is the same reading.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final

from portal.checklists.definition import (
    MAX_STEPS,
    SCOPES,
    AtLeast,
    Definition,
    Members,
    Required,
    Role,
    Scope,
    Share,
    Step,
    Text,
    Tick,
    parse_checklist,
)
from portal.conditions import builder, builder_form
from portal.conditions.builder import BuilderProblems, Node
from portal.conditions.dump import dump
from portal.conditions.parse import Level
from portal.kit.clock import Span
from portal.kit.files import FileProblems, Path, YamlFile
from portal.kit.i18n import LOCALES, Message

MEASURED: Final = ("members", "share", "role")
"""The scopes that need a number or a name."""
LONGEST_KEY: Final = 64


@dataclass(frozen=True)
class StepForm:
    """One step. `done` is `tick` or `condition`, which `when` then says; `measure` goes with the scope."""

    key: str = ""
    title_ja: str = ""
    title_en: str = ""
    description_ja: str = ""
    description_en: str = ""
    by: str = "customer"
    scope: str = "account"
    measure: str = ""
    required: str = "1"
    due: str = ""
    due_unit: str = "d"
    done: str = "tick"
    help: str = ""
    url: str = ""
    when: Node | None = None

    @property
    def title(self) -> dict[str, str]:
        """What it is called, by language."""
        return {"ja": self.title_ja, "en": self.title_en}


@dataclass(frozen=True)
class ChecklistForm:
    """A checklist. `completed` is `required`, `at_least` (with `enough`) or `condition` (with `completed_when`)."""

    key: str = ""
    title_ja: str = ""
    title_en: str = ""
    from_day: str = ""
    due: str = ""
    due_unit: str = "d"
    completed: str = "required"
    enough: str = ""
    audience: Node | None = None
    completed_when: Node | None = None
    steps: tuple[StepForm, ...] = field(default=())

    @property
    def title(self) -> dict[str, str]:
        """What it is called, by language."""
        return {"ja": self.title_ja, "en": self.title_en}


class FormProblems(Exception):
    """What is wrong, by the name of the field; "" where it is nobody's in particular."""

    def __init__(self, problems: Mapping[str, Sequence[Message]]) -> None:
        self.problems = dict(problems)
        super().__init__("; ".join(f"{name}: {said[0]}" for name, said in self.problems.items()))


_STEP: Final = tuple(one.name for one in fields(StepForm) if one.name != "when")
_HEAD: Final = tuple(
    one.name for one in fields(ChecklistForm) if one.name not in ("audience", "completed_when", "steps")
)


# --- a definition as a form -------------------------------------------------------------------------------------------


def form_of(definition: Definition) -> ChecklistForm:
    """The form of a checklist; `read` gives an equal one back."""
    done = definition.completed_when
    count, unit = _span(definition.due)
    by_condition = not isinstance(done, Required | AtLeast)
    return ChecklistForm(
        key=definition.key,
        title_ja=definition.title.get("ja", ""),
        title_en=definition.title.get("en", ""),
        from_day=definition.from_day.isoformat() if definition.from_day else "",
        due=count,
        due_unit=unit,
        completed="at_least" if isinstance(done, AtLeast) else "condition" if by_condition else "required",
        enough=str(done.n) if isinstance(done, AtLeast) else "",
        audience=builder.shown(definition.audience) if definition.audience else None,
        completed_when=None if isinstance(done, Required | AtLeast) else builder.shown(done),
        steps=tuple(_step_form(step) for step in definition.steps),
    )


def _step_form(step: Step) -> StepForm:
    count, unit = _span(step.due)
    scope, measure = _scope(step.scope)
    described: Text = step.description or {}
    return StepForm(
        key=step.key,
        title_ja=step.title.get("ja", ""),
        title_en=step.title.get("en", ""),
        description_ja=described.get("ja", ""),
        description_en=described.get("en", ""),
        by=step.by,
        scope=scope,
        measure=measure,
        required="1" if step.required else "",
        due=count,
        due_unit=unit,
        done="tick" if isinstance(step.done_when, Tick) else "condition",
        help=step.help or "",
        url=step.url or "",
        when=None if isinstance(step.done_when, Tick) else builder.shown(step.done_when),
    )


def _span(span: Span | None) -> tuple[str, str]:
    return (str(span.count), span.unit) if span else ("", "d")


def _scope(scope: Scope) -> tuple[str, str]:
    match scope:
        case Members(n):
            return "members", str(n)
        case Share(percent):
            return "share", str(percent)
        case Role(name):
            return "role", name
    return next(name for name, known in SCOPES.items() if known == scope), ""


# --- a form as a definition -------------------------------------------------------------------------------------------


def read(form: ChecklistForm) -> Definition:
    """The checklist the form says; `FormProblems` with everything that is wrong, field by field."""
    return _Reader(form).definition()


class _Reader:
    """One reading: the form becomes what a file would say, and each place of that remembers its field."""

    def __init__(self, form: ChecklistForm) -> None:
        self.form = form
        self.names: list[str] = [""]
        self.lines: dict[Path, int] = {(): 0}
        self.problems: dict[str, list[Message]] = {}

    def definition(self) -> Definition:
        raw = self.head()
        try:
            found = parse_checklist(YamlFile("", raw, self.lines))
        except FileProblems as wrong:
            for one in wrong.problems:
                self.wrong(self.names[one.line], one.message)
        else:
            if not self.problems:
                return found
        raise FormProblems(self.problems)

    def wrong(self, name: str, message: Message) -> None:
        self.problems.setdefault(name, []).append(message)

    def put(self, name: str, *path: str | int) -> None:
        """What goes wrong at `path` is said beside the field `name`."""
        self.lines[path] = len(self.names)
        self.names.append(name)

    def head(self) -> dict[str, object]:
        form = self.form
        raw: dict[str, object] = {
            "key": form.key.strip(),
            "title": self.texts("title", form.title, "title"),
            "steps": [self.step(step, number) for number, step in enumerate(form.steps)],
        }
        self.put("key", "key")
        self.put("steps", "steps")
        if form.audience is not None:
            self.condition(raw, "audience", form.audience, "audience", ("audience",), level="account")
        if form.from_day.strip():
            raw["from"] = digits(form.from_day)
            self.put("from_day", "from")
        self.span(raw, form.due, form.due_unit, "due")
        self.put("completed", "completed_when")
        if form.completed == "at_least":
            raw["completed_when"] = {"at_least": _number(form.enough)}
            self.put("enough", "completed_when", "at_least")
        elif form.completed == "condition":
            self.needed(
                raw, "completed_when", form.completed_when, "completed_when", ("completed_when",), level="account"
            )
        for number in range(len(form.steps)):
            self.lines.setdefault(("steps", number), self.lines["steps", number, "title"])
        return raw

    def step(self, step: StepForm, number: int) -> dict[str, object]:
        name = f"steps.{number}"
        place: Path = ("steps", number)
        level: Level = "account" if step.scope == "account" else "member"
        raw: dict[str, object] = {
            "key": step.key.strip(),
            "title": self.texts(f"{name}.title", step.title, *place, "title"),
            "by": step.by,
            "scope": self.scope(step, name, place),
            "required": bool(step.required),
        }
        described = {"ja": step.description_ja, "en": step.description_en}
        if any(text.strip() for text in described.values()):
            raw["description"] = self.texts(f"{name}.description", described, *place, "description")
        for field_name in ("key", "by", "done"):
            self.put(f"{name}.{field_name}", *place, "done_when" if field_name == "done" else field_name)
        self.span(raw, step.due, step.due_unit, f"{name}.due", *place, "due")
        if step.done == "condition":
            self.needed(raw, "done_when", step.when, f"{name}.when", (*place, "done_when"), level=level)
        for field_name, text in (("help", step.help), ("url", step.url)):
            if text.strip():
                raw[field_name] = text.strip()
                self.put(f"{name}.{field_name}", *place, field_name)
        return raw

    def texts(self, name: str, said: Mapping[str, str], *path: str | int) -> dict[str, str]:
        self.put(f"{name}_ja", *path)
        for locale in LOCALES:
            self.put(f"{name}_{locale}", *path, locale)
        return {locale: lines(text) for locale, text in said.items() if text.strip()}

    def scope(self, step: StepForm, name: str, place: Path) -> object:
        self.put(f"{name}.scope", *place, "scope")
        if step.scope not in MEASURED:
            return step.scope
        self.put(f"{name}.measure", *place, "scope", step.scope)
        if step.scope == "role":
            return {"role": step.measure}
        said = digits(step.measure)
        return {"members": _number(said)} if step.scope == "members" else {"share": f"{said.removesuffix('%')}%"}

    def span(self, raw: dict[str, object], count: str, unit: str, name: str, *path: str | int) -> None:
        if count.strip():
            raw["due"] = f"{digits(count)}{unit}"
            self.put(name, *(path or ("due",)))

    def needed(
        self, raw: dict[str, object], key: str, node: Node | None, name: str, path: Path, *, level: Level
    ) -> None:
        if node is None:
            self.wrong(name, Message("Say when this is so: add a condition."))
        else:
            self.condition(raw, key, node, name, path, level=level)

    def condition(self, raw: dict[str, object], key: str, node: Node, name: str, path: Path, *, level: Level) -> None:
        """Read apart from the rest, since a sentence knows its own fields."""
        self.put(name, *path)
        try:
            raw[key] = dump(builder.read(node, level=level))
        except BuilderProblems as wrong:
            for place, message in wrong.problems:
                self.wrong(f"{name}.{place}" if place else name, message)


def digits(text: str) -> str:
    """Digits typed with a Japanese keyboard are digits."""
    return unicodedata.normalize("NFKC", text).strip()


def lines(text: str) -> str:
    """A text with its line breaks as files have them."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _number(text: str) -> object:
    said = digits(text)
    return int(said) if said.isdecimal() and len(said) < 10 else said


# --- the form as a browser sends it -----------------------------------------------------------------------------------


def fields_of(form: ChecklistForm) -> dict[str, str]:
    """Every field by its name; `form_in` reads them."""
    found = {name: getattr(form, name) for name in _HEAD}
    for name, node in (("audience", form.audience), ("completed_when", form.completed_when)):
        found |= builder_form.fields_of(node, name) if node else {}
    for number, step in enumerate(form.steps):
        found |= {f"steps.{number}.{name}": getattr(step, name) for name in _STEP}
        found |= builder_form.fields_of(step.when, f"steps.{number}.when") if step.when else {}
    return found


def form_in(said: Mapping[str, Any], *, order: Sequence[str] = ()) -> ChecklistForm:
    """The form among the fields a browser sent; `order` are the numbers of the steps as they stand on the page now."""
    texts = {name: value for name, value in said.items() if isinstance(value, str)}
    there = [number for number in range(MAX_STEPS + 1) if f"steps.{number}.title_ja" in texts]
    wanted = [int(number) for number in dict.fromkeys(order) if number.isdecimal() and int(number) in there]
    numbers = [*wanted, *(number for number in there if number not in wanted)]
    return ChecklistForm(
        **{name: texts.get(name, "") for name in _HEAD},
        audience=builder_form.node_in(texts, "audience"),
        completed_when=builder_form.node_in(texts, "completed_when"),
        steps=tuple(
            StepForm(
                **{name: texts.get(f"steps.{number}.{name}", "") for name in _STEP},
                when=builder_form.node_in(texts, f"steps.{number}.when"),
            )
            for number in numbers
        ),
    )
