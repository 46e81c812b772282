"""A condition as a form: sentences with gaps that people fill in, and the way back to exactly the condition they say.

A `Node` is one sentence, or a group of them; its fields are texts, as a browser sends them (`builder_form`).
`shown` makes one of a condition and `read` makes the condition again. Whatever the sentences cannot say without losing
something is a node of kind `text`, which holds the words of the file: nothing is ever rounded off to fit.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from portal.conditions.dump import dump, percent_of
from portal.conditions.model import (
    SHORTHANDS,
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
from portal.conditions.parse import NAMES, ConditionProblems, Level, parse
from portal.conditions.typed import digits, read_list, read_name, read_value, typed_item, typed_name, typed_value
from portal.kit.clock import Span
from portal.kit.files import FileProblems, Path, Problem, load_yaml
from portal.kit.i18n import Message
from portal.kit.yamlout import to_yaml

GROUPS: Final = ("all", "any")
COUNTED: Final = ("event", *SHORTHANDS)
REFERRED: Final = ("checklist", "segment")
KINDS: Final = (*COUNTED, *NAMES, "trait", *REFERRED, *GROUPS, "text")
SHOWN_DEPTH: Final = 3
"""Groups within one another that are shown as sentences; what lies deeper is shown as text, so that it can be read."""


@dataclass(frozen=True)
class Asked:
    """One comparison of a property. `op` is an operator of the language, or `missing` for `exists: false`."""

    name: str = ""
    op: str = "eq"
    value: str = ""

    @property
    def is_blank(self) -> bool:
        """Whether nobody has filled it in."""
        return not self.name.strip() and not self.value.strip()


@dataclass(frozen=True)
class Node:
    """One sentence of the form, or a group of them (`parts`).

    `name` is the event, or the trait; `op` and `value` say what is compared with. `counts` is what is counted: "" for
    occurrences, `day`, `member`, or `property`, named in `distinct`. `window` is "", `within` or `last`, with `span`
    and `unit`.
    """

    kind: str
    negated: bool = False
    parts: tuple[Node, ...] = ()
    name: str = ""
    op: str = "eq"
    value: str = ""
    at_least: str = "1"
    counts: str = ""
    distinct: str = ""
    window: str = ""
    span: str = ""
    unit: str = "d"
    where: tuple[Asked, ...] = ()
    watched: str = ""
    text: str = ""

    @property
    def is_group(self) -> bool:
        """Whether it holds others."""
        return self.kind in GROUPS


class BuilderProblems(Exception):
    """What is wrong in the form: the field at fault (`0.1.value`; "" for the whole), and what is wrong there."""

    def __init__(self, problems: Iterable[tuple[str, Message]]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{place}: {message}" for place, message in self.problems))


# --- from a condition to the form -------------------------------------------------------------------------------------


def shown(condition: Condition) -> Node:
    """The form of `condition`: `read(shown(condition))` is equal to it, in the level it was written for."""
    return _node(condition, depth=1)


def blank() -> Node:
    """A sentence nobody has filled in."""
    return Node("event")


def _node(condition: Condition, *, depth: int) -> Node:
    match condition:
        case Not(part):
            inner = _node(part, depth=depth)
            return _text(condition) if inner.negated or inner.kind == "text" else replace(inner, negated=True)
        case All(parts) | Any(parts):
            if depth > SHOWN_DEPTH:
                return _text(condition)
            kind = "all" if isinstance(condition, All) else "any"
            return Node(kind, parts=tuple(_node(part, depth=depth + 1) for part in parts))
    leaf = _leaf(condition)
    # The proof of it: a sentence that does not say the very same is no sentence for it.
    return leaf if _says(leaf, condition) else _text(condition)


def _leaf(condition: Trait | EventCount | ChecklistDone | InSegment) -> Node:
    match condition:
        case ChecklistDone(key):
            return Node("checklist", value=typed_name(key))
        case InSegment(key):
            return Node("segment", value=typed_name(key))
        case Trait(name):
            asked = _asked(condition, names=name in NAMES)
            if name in NAMES:
                return Node(name, op=asked.op, value=asked.value)
            return Node("trait", name=typed_name(name.removeprefix("traits.")), op=asked.op, value=asked.value)
    return _count(condition)


def _count(query: EventCount) -> Node:
    about = shorthand(query)
    kind = about.name if about else "event"
    watched = (
        next((percent for one in query.where if (percent := percent_of(one))), None) if kind == "webinar" else None
    )
    where = tuple(
        _asked(one) for one in query.where if one != about and not (kind == "webinar" and percent_of(one) is not None)
    )
    window = "within" if query.within else "last" if query.last else ""
    span = query.within or query.last or Span(0, "d")
    plain = query.distinct in (None, "day", "member")
    subject = _asked(about, names=True) if about else None
    return Node(
        kind,
        name="" if subject else typed_name(query.event),
        op=subject.op if subject else "eq",
        value=subject.value if subject else "",
        at_least=str(query.at_least),
        counts=query.distinct or "" if plain else "property",
        distinct="" if plain else typed_name(query.distinct or ""),
        window=window,
        span=str(span.count) if window else "",
        unit=span.unit,
        where=where,
        watched=watched or "",
    )


def _says(leaf: Node, condition: Condition) -> bool:
    try:
        return read(leaf, level="member") == condition
    except BuilderProblems:
        return False


def _text(condition: Condition) -> Node:
    return Node("text", text=to_yaml(dump(condition), width=10_000).strip("\n"))


def _asked(comparison: Comparison, *, names: bool = False) -> Asked:
    write = typed_name if names else typed_value
    if comparison.op == "exists":
        return Asked(typed_name(comparison.name), "exists" if comparison.value else "missing")
    if comparison.op == "in":
        return Asked(
            typed_name(comparison.name), "in", ", ".join(typed_item(one, names=names) for one in comparison.values)
        )
    return Asked(typed_name(comparison.name), comparison.op, write(comparison.values[0]))


# --- from the form to a condition -------------------------------------------------------------------------------------


def read(node: Node, *, level: Level) -> Condition:
    """The condition the form says; `BuilderProblems` with everything that is wrong, field by field."""
    problems: list[tuple[str, Message]] = []
    condition = _read(node, "", level, problems, depth=1)
    if condition is not None and not problems:
        try:
            return parse(dump(condition), level=level)
        except ConditionProblems as wrong:
            problems = [("", message) for _, message in wrong.problems]
    raise BuilderProblems(problems)


def _read(node: Node, place: str, level: Level, problems: list[tuple[str, Message]], *, depth: int) -> Condition | None:
    condition: Condition | None = None
    if node.is_group:
        if not node.parts:
            problems.append((_at(place, "kind"), Message("There is nothing in this group yet.")))
        found = [
            _read(part, _at(place, number), level, problems, depth=depth + 1) for number, part in enumerate(node.parts)
        ]
        good = tuple(part for part in found if part is not None)
        if good:
            condition = All(good) if node.kind == "all" else Any(good)
    else:
        condition = _read_leaf(node, place, level, problems)
    return Not(condition) if condition is not None and node.negated else condition


def _read_leaf(node: Node, place: str, level: Level, problems: list[tuple[str, Message]]) -> Condition | None:
    try:
        if node.kind == "text":
            return _read_text(node.text.replace("\r\n", "\n"), level)
        twice = _twice(node)
        if twice is not None:
            said = Message("This property is compared in this way already.")
            problems.append((_at(place, f"where.{twice}.name"), said))
            return None
        return parse(said_by(node), level=level)
    except FileProblems as wrong:
        several = "\n" in node.text.strip()
        problems += [(_at(place, "text"), _at_line(one) if several else one.message) for one in wrong.problems]
    except ConditionProblems as wrong:
        problems += [(_at(place, _field(node, path)), message) for path, message in wrong.problems]
    return None


def _read_text(text: str, level: Level) -> Condition:
    read = load_yaml(text, file="")
    try:
        return parse(read.value, level=level)
    except ConditionProblems as wrong:
        raise FileProblems([read.problem(message, *path) for path, message in wrong.problems]) from wrong


def _at_line(problem: Problem) -> Message:
    return Message("line %(line)s: %(problem)s", line=problem.line, problem=problem.message)


def said_by(node: Node) -> dict[str, object]:
    """What a single sentence says, in the words of the file; right or wrong."""
    if node.kind not in COUNTED:
        if node.kind in REFERRED:
            return {node.kind: read_name(node.value)}
        if node.kind == "trait":
            return {"traits": {read_name(node.name): _compared(node.op, node.value)}}
        return {node.kind: _compared(node.op, node.value, names=node.kind in NAMES)}
    if node.kind == "event":
        said: dict[str, object] = {"event": read_name(node.name)}
    else:
        several = node.op == "in"
        said = {node.kind: read_list(node.value, names=True) if several else read_name(node.value)}
    times = digits(node.at_least)
    said["at_least"] = int(times) if times.isdecimal() and len(times) < 10 else times
    if node.counts:
        said["distinct"] = read_name(node.distinct) if node.counts == "property" else node.counts
    if node.window in ("within", "last"):
        said[node.window] = f"{digits(node.span)}{node.unit}"
    if node.watched.strip() and node.kind == "webinar":
        share = digits(node.watched)
        said["watched"] = share if share.endswith("%") else f"{share}%"
    where: dict[str, dict[str, object]] = {}
    for asked in node.where:
        if not asked.is_blank:
            where.setdefault(read_name(asked.name), {}).update(_operator(asked.op, asked.value))
    if where:
        said["where"] = where
    return said


def _compared(op: str, value: str, *, names: bool = False) -> object:
    return _operator(op, value, names=names)


def _operator(op: str, value: str, *, names: bool = False) -> dict[str, object]:
    if op in ("exists", "missing"):
        return {"exists": op == "exists"}
    if op == "in":
        return {"in": read_list(value, names=names)}
    return {op: read_name(value) if names else read_value(value)}


def _twice(node: Node) -> int | None:
    seen: set[tuple[str, str]] = set()
    for number, asked in enumerate(node.where):
        if asked.is_blank:
            continue
        one = (read_name(asked.name), "exists" if asked.op == "missing" else asked.op)
        if one in seen:
            return number
        seen.add(one)
    return None


def _field(node: Node, path: Path) -> str:
    """The field of a sentence that the problem at `path` of what it says is about."""
    match path:
        case ("event",):
            return "name"
        case ("within" | "last", *_):
            return "span"
        case ("at_least" | "distinct" | "watched" as field, *_):
            return str(field)
        case ("where", *rest):
            number = next(
                (at for at, one in enumerate(node.where) if rest and read_name(one.name) == rest[0]),
                next((at for at, one in enumerate(node.where) if not one.name.strip()), 0),
            )
            return f"where.{number}.{'value' if node.where[number].name.strip() else 'name'}"
        case ("traits", *rest):
            return "value" if node.name.strip() else "name"
    return "value"


def _at(place: str, field: object) -> str:
    return f"{place}.{field}" if place else str(field)
