"""What a checklist is, read from the file CS staff write.

`parse_checklist` turns the YAML into frozen values, or names everything that is wrong with it at once, each with its
line. A published version is kept as JSON by `dump` and read again by `load`, in the very words of the file: so there is
one format and one set of rules, and two versions are the same exactly when their dumps are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Final, Literal, TypeVar, cast, get_args

from portal.checklists.reading import MAX_ROLE, LibraryKind, Reading, help_target
from portal.conditions.dump import dump as dump_condition
from portal.conditions.model import SHORTHANDS, Condition, checklists_of, events_of, plans_of, references_of
from portal.conditions.parse import Level
from portal.kit.clock import Span
from portal.kit.files import Path, YamlFile
from portal.kit.i18n import Message

T = TypeVar("T")
By = Literal["customer", "staff"]
Text = Mapping[str, str]
"""One sentence by language; at least one is there."""


@dataclass(frozen=True)
class Account:
    """Done once for the whole account."""


@dataclass(frozen=True)
class AnyMember:
    """Done when one member has done it."""


@dataclass(frozen=True)
class EveryMember:
    """Done when every active member has done it."""


@dataclass(frozen=True)
class Members:
    """Done when `n` members have done it."""

    n: int


@dataclass(frozen=True)
class Share:
    """Done when `percent` of the active members have done it, rounded up to whole people."""

    percent: int


@dataclass(frozen=True)
class Role:
    """Done when one member of the role `name` has done it."""

    name: str


@dataclass(frozen=True)
class Tick:
    """Done when a person says so."""


@dataclass(frozen=True)
class Required:
    """Completed when every required step is done (every step, if none is required)."""


@dataclass(frozen=True)
class AtLeast:
    """Completed when any `n` steps are done."""

    n: int


Scope = Account | AnyMember | EveryMember | Members | Share | Role


@dataclass(frozen=True)
class Step:
    """One line of a checklist; `due` counts from the start of the account's run, `url` is where it is done."""

    key: str
    title: Text
    description: Text | None = None
    by: By = "customer"
    scope: Scope = Account()
    required: bool = True
    due: Span | None = None
    done_when: Tick | Condition = Tick()
    help: str | None = None
    url: str | None = None


@dataclass(frozen=True)
class Definition:
    """One version of a checklist: for whom (`audience`, None for all), by when, and what it takes."""

    key: str
    title: Text
    steps: tuple[Step, ...]
    audience: Condition | None = None
    from_day: date | None = None
    due: Span | None = None
    completed_when: Required | AtLeast | Condition = Required()


@dataclass(frozen=True)
class Reference:
    """Something named in a definition that may not exist (yet); `path` is where, for `YamlFile.problem`."""

    kind: LibraryKind | Literal["checklist", "event", "plan", "segment"]
    key: str
    path: Path


MAX_STEPS: Final = 100
MAX_MEMBERS: Final = 10_000
MAX_TITLE: Final = 200
MAX_DESCRIPTION: Final = 2_000
SCOPES: Final[Mapping[str, Scope]] = {"account": Account(), "any_member": AnyMember(), "every_member": EveryMember()}
FIELDS: Final = ("key", "title", "audience", "from", "due", "completed_when", "steps")
STEP_FIELDS: Final = ("key", "title", "description", "by", "scope", "required", "due", "done_when", "help", "url")


def parse_checklist(file: YamlFile) -> Definition:
    """The checklist in `file`; `FileProblems` with all that is wrong with it."""
    reading = Reading(file)
    definition = _checklist(reading, file.value)
    reading.finish()
    assert definition is not None, "what could not be read was reported"
    return definition


def load(stored: Mapping[str, object]) -> Definition:
    """The definition `dump` has written."""
    return parse_checklist(YamlFile("stored checklist", stored, {}))


def dump(definition: Definition) -> dict[str, object]:
    """The definition in the words of the file, as JSON can hold them; `load` gives an equal one back."""
    done = definition.completed_when
    return {
        "key": definition.key,
        "title": dict(definition.title),
        **({} if definition.audience is None else {"audience": dump_condition(definition.audience)}),
        **_given("from", definition.from_day, date.isoformat),
        **_given("due", definition.due, str),
        "completed_when": "required"
        if isinstance(done, Required)
        else {"at_least": done.n}
        if isinstance(done, AtLeast)
        else dump_condition(done),
        "steps": [_dump_step(step) for step in definition.steps],
    }


def references(definition: Definition) -> list[Reference]:
    """Everything the definition counts on that lives elsewhere, so that publishing can warn of what is not there."""
    found = [reference for path, condition in conditions(definition) for reference in _named(condition, path)]
    for index, step in enumerate(definition.steps):
        if step.help:
            kind, key = help_target(step.help)
            found.append(Reference(kind, key, ("steps", index, "help")))
    return found


def conditions(definition: Definition) -> Iterator[tuple[Path, Condition]]:
    """Every condition in the definition, with its place."""
    if definition.audience is not None:
        yield ("audience",), definition.audience
    if not isinstance(definition.completed_when, Required | AtLeast):
        yield ("completed_when",), definition.completed_when
    for index, step in enumerate(definition.steps):
        if not isinstance(step.done_when, Tick):
            yield ("steps", index, "done_when"), step.done_when


def with_conditions(definition: Definition, change: Callable[[Condition], Condition]) -> Definition:
    """The definition with each of its conditions as `change` makes it."""
    done = definition.completed_when
    return replace(
        definition,
        audience=None if definition.audience is None else change(definition.audience),
        completed_when=done if isinstance(done, Required | AtLeast) else change(done),
        steps=tuple(
            step if isinstance(step.done_when, Tick) else replace(step, done_when=change(step.done_when))
            for step in definition.steps
        ),
    )


def in_words(text: Text, locale: str) -> str:
    """`text` in `locale`, else in the language it was written in."""
    return text.get(locale) or next(iter(text.values()))


def _checklist(reading: Reading, value: object) -> Definition | None:
    fields = reading.fields(value, (), FIELDS, needed=("key", "title", "steps"))
    if fields is None:
        return None
    steps = reading.given(fields, "steps", (), partial(_steps, reading)) or ()
    audience = None
    if "audience" in fields:
        audience = reading.condition(fields["audience"], ("audience",), level="account")
    definition = Definition(
        key=reading.given(fields, "key", (), reading.key) or "",
        title=reading.given(fields, "title", (), partial(reading.texts, limit=MAX_TITLE)) or {},
        steps=steps,
        audience=audience,
        from_day=reading.given(fields, "from", (), reading.day),
        due=reading.given(fields, "due", (), reading.span),
        completed_when=_completed_when(reading, fields.get("completed_when", "required"), len(steps)),
    )
    for path, condition in conditions(definition):
        if definition.key in checklists_of(condition):
            reading.wrong(path, Message("a checklist cannot wait for itself"))
    return definition


def _completed_when(reading: Reading, value: object, steps: int) -> Required | AtLeast | Condition:
    path = ("completed_when",)
    if isinstance(value, str):
        reading.choice(value, path, ("required",))
    elif isinstance(value, dict) and set(value) == {"at_least"}:
        n = reading.count(value["at_least"], (*path, "at_least"), limit=MAX_STEPS)
        if n is not None and n > steps:
            message = Message("%(n)s steps can never be done: the checklist has %(steps)s", n=n, steps=steps)
            reading.wrong((*path, "at_least"), message)
        return AtLeast(n or 1)
    else:
        return reading.condition(value, path, level="account") or Required()
    return Required()


def _steps(reading: Reading, value: object, path: Path) -> tuple[Step, ...] | None:
    """As many steps as were written: one that could not be read stands in its place, and was reported."""
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_STEPS:
        reading.wrong(path, Message("“steps” is a list of 1 to %(limit)s steps", limit=MAX_STEPS))
        return None
    steps = tuple(_step(reading, item, (*path, index)) for index, item in enumerate(value))
    seen: set[str] = set()
    for index, step in enumerate(steps):
        if step.key and step.key in seen:
            reading.wrong((*path, index, "key"), Message("there are two steps “%(key)s”", key=step.key))
        seen.add(step.key)
    return steps


def _step(reading: Reading, value: object, path: Path) -> Step:
    fields = reading.fields(value, path, STEP_FIELDS, needed=("key", "title"))
    if fields is None:
        return Step("", {})
    scope = _scope(reading, fields.get("scope", "account"), (*path, "scope"))
    level: Level = "account" if isinstance(scope, Account) else "member"
    step = Step(
        key=reading.given(fields, "key", path, reading.key) or "",
        title=reading.given(fields, "title", path, partial(reading.texts, limit=MAX_TITLE)) or {},
        description=reading.given(fields, "description", path, partial(reading.texts, limit=MAX_DESCRIPTION)),
        by=cast("By", reading.given(fields, "by", path, partial(reading.choice, options=get_args(By))) or "customer"),
        scope=scope or Account(),
        required=reading.given(fields, "required", path, reading.flag) is not False,
        due=reading.given(fields, "due", path, reading.span),
        done_when=_done_when(reading, fields.get("done_when", "tick"), (*path, "done_when"), level),
        help=reading.given(fields, "help", path, reading.place),
        url=reading.given(fields, "url", path, reading.address),
    )
    if step.by == "staff" and not isinstance(step.scope, Account):
        reading.wrong((*path, "scope"), Message("a step by staff is done once for the account: leave scope out"))
    if step.by == "staff" and not isinstance(step.done_when, Tick):
        reading.wrong((*path, "done_when"), Message("a step by staff is ticked by them: done_when can only be tick"))
    return step


def _scope(reading: Reading, value: object, path: Path) -> Scope | None:
    if not isinstance(value, dict):
        name = reading.choice(value, path, tuple(SCOPES))
        return None if name is None else SCOPES[name]
    reading.fields(value, path, ("members", "share", "role"))
    if len(value) != 1:
        reading.wrong(path, Message("a scope is one of {members: 3}, {share: 80%%} and {role: admin}"))
        return None
    if "members" in value:
        n = reading.count(value["members"], (*path, "members"), limit=MAX_MEMBERS)
        return None if n is None else Members(n)
    if "share" in value:
        percent = reading.percent(value["share"], (*path, "share"))
        return None if percent is None else Share(percent)
    role = reading.given(value, "role", path, partial(reading.text, limit=MAX_ROLE))
    return None if role is None else Role(role)


def _done_when(reading: Reading, value: object, path: Path, level: Level) -> Tick | Condition:
    if isinstance(value, str):
        reading.choice(value, path, ("tick",))
        return Tick()
    return reading.condition(value, path, level=level) or Tick()


def _given(name: str, value: T | None, write: Callable[[T], object]) -> dict[str, object]:
    return {} if value is None else {name: write(value)}


def _dump_step(step: Step) -> dict[str, object]:
    return {
        "key": step.key,
        "title": dict(step.title),
        **_given("description", step.description, dict),
        "by": step.by,
        "scope": _dump_scope(step.scope),
        "required": step.required,
        **_given("due", step.due, str),
        "done_when": "tick" if isinstance(step.done_when, Tick) else dump_condition(step.done_when),
        **_given("help", step.help, str),
        **_given("url", step.url, str),
    }


def _dump_scope(scope: Scope) -> object:
    match scope:
        case Members(n):
            return {"members": n}
        case Share(percent):
            return {"share": f"{percent}%"}
        case Role(name):
            return {"role": name}
    return next(name for name, known in SCOPES.items() if known == scope)


def _named(condition: Condition, path: Path) -> Iterator[Reference]:
    for kind, key in sorted(references_of(condition)):
        yield Reference(cast("LibraryKind | Literal['checklist', 'segment']", kind), key, path)
    for event in sorted(events_of(condition) - set(SHORTHANDS.values())):
        yield Reference("event", event, path)
    for plan in sorted(plans_of(condition)):
        yield Reference("plan", plan, path)
