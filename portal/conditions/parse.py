"""From what people write to a condition.

Every problem is found in one reading and carries the path of the value at fault, so that publishing can print
`file:line` for all of them. `portal.conditions.dump` is the way back.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from portal.conditions.model import (
    SHORTHANDS,
    WATCHED,
    All,
    Any,
    ChecklistDone,
    Comparison,
    Condition,
    EventCount,
    InSegment,
    Not,
    Trait,
    depth_of,
)
from portal.conditions.values import (
    Findings,
    TooMuch,
    read_comparisons,
    read_count,
    read_share,
    read_span,
    read_text,
    shown,
    unknown,
)
from portal.kit.files import Path
from portal.kit.i18n import Message

Level = Literal["account", "member"]
MAX_DEPTH: Final = 8
MAX_NODES: Final = 100

NAMES: Final = ("plan", "role", "locale", "tier")
OF_A_MEMBER: Final = ("role", "locale")
SUBJECTS: Final = ("event", *SHORTHANDS)
MODIFIERS: Final = ("at_least", "within", "last", "where", "distinct", "watched")
KEYS: Final = ("all", "any", "not", *NAMES, "traits", *SUBJECTS, "checklist", "segment", *MODIFIERS)


class ConditionProblems(Exception):
    """All that is wrong with a condition: the path into the value, and what is wrong there."""

    def __init__(self, problems: Iterable[tuple[Path, Message]]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{'.'.join(map(str, path))}: {message}" for path, message in self.problems))


def parse(value: object, *, level: Level, path: Path = ()) -> Condition:
    """The condition that `value` (plain YAML or JSON) says, at the level of what it is asked about.

    An account has neither role nor locale, so those are refused there. Raises `ConditionProblems` with everything
    that is wrong; the paths in it begin with `path`.
    """
    found = Findings(limit=MAX_NODES)
    condition = None
    try:
        condition = _Reader(level, found).condition(value, path, depth=1)
    except TooMuch:
        found.problems.append((path, Message("this condition has more than %(limit)s parts", limit=MAX_NODES)))
    if condition and not found.problems and depth_of(condition) > MAX_DEPTH:
        found.problems.append((path, _too_deep()))
    if condition is None or found.problems:
        raise ConditionProblems(found.problems)
    return condition


def _too_deep() -> Message:
    return Message("conditions may lie at most %(limit)s deep inside one another", limit=MAX_DEPTH)


class _Reader:
    """One reading of one condition; methods give `None`, or leave out, what they have reported as wrong."""

    def __init__(self, level: Level, found: Findings) -> None:
        self.level = level
        self.found = found

    def condition(self, value: object, path: Path, *, depth: int) -> Condition | None:
        if depth > MAX_DEPTH:
            self.found.wrong(path, _too_deep())
        elif not isinstance(value, dict):
            self.found.wrong(path, Message("a condition is written as “key: value”, for example {event: login}"))
        elif not value:
            self.found.wrong(path, Message("this must not be empty"))
        else:
            return self.mapping(value, path, depth=depth)
        return None

    def mapping(self, value: dict[object, object], path: Path, *, depth: int) -> Condition | None:
        subjects = [key for key in SUBJECTS if key in value]
        modifiers: dict[str, object] = {key: value[key] for key in MODIFIERS if key in value}
        parts: list[Condition] = []
        for key, inner in value.items():
            if isinstance(key, str) and key not in MODIFIERS:
                asked = modifiers if len(subjects) == 1 else {}
                parts.extend(self.entry(key, inner, asked, path, depth=depth))
            elif not isinstance(key, str):
                self.found.wrong((*path, shown(key)), unknown(key, KEYS))
        for key in modifiers if len(subjects) != 1 else ():
            self.found.wrong((*path, key), self.stray(key, subjects))
        return self.joined(parts)

    def stray(self, key: str, subjects: list[str]) -> Message:
        if not subjects:
            kinds = "webinar" if key == "watched" else ", ".join(SUBJECTS)
            return Message("“%(key)s” says more about one of: %(kinds)s; there is none beside it", key=key, kinds=kinds)
        return Message(
            "it is not clear which of %(kinds)s “%(key)s” belongs to; put each on its own line under all",
            key=key,
            kinds=", ".join(subjects),
        )

    def joined(self, parts: list[Condition]) -> Condition | None:
        if len(parts) < 2:
            return parts[0] if parts else None
        self.found.count()
        return All(tuple(parts))

    def entry(
        self, key: str, value: object, modifiers: dict[str, object], parent: Path, *, depth: int
    ) -> Iterable[Condition]:
        path = (*parent, key)
        if key in ("all", "any"):
            return _one(self.group(key, value, path, depth=depth))
        if key == "not":
            return _one(self.negation(value, path, depth=depth))
        if key in NAMES:
            return self.name(key, value, path)
        if key == "traits":
            return self.traits(value, path)
        if key.startswith("traits."):
            return self.trait(key.removeprefix("traits."), value, path)
        if key in SUBJECTS:
            return _one(self.count(key, value, modifiers, parent))
        if key == "checklist":
            return _one(self.named(ChecklistDone, value, path))
        if key == "segment":
            return _one(self.named(InSegment, value, path))
        self.found.wrong(path, unknown(key, KEYS))
        return ()

    def group(self, key: str, value: object, path: Path, *, depth: int) -> Condition | None:
        self.found.count()
        if not isinstance(value, list) or not value:
            self.found.wrong(path, Message("“%(key)s” takes a list of conditions", key=key))
            return None
        parts = [self.condition(part, (*path, index), depth=depth + 1) for index, part in enumerate(value)]
        good = tuple(part for part in parts if part is not None)
        return All(good) if key == "all" else Any(good)

    def negation(self, value: object, path: Path, *, depth: int) -> Condition | None:
        self.found.count()
        part = self.condition(value, path, depth=depth + 1)
        return None if part is None else Not(part)

    def name(self, key: str, value: object, path: Path) -> Iterable[Condition]:
        if self.level == "account" and key in OF_A_MEMBER:
            message = Message("“%(key)s” is a member's, and this condition is about the account", key=key)
            self.found.wrong(path, message)
            return ()
        return _traits(key, read_comparisons(key, value, path, self.found, names_only=True))

    def traits(self, value: object, path: Path) -> Iterable[Condition]:
        if not isinstance(value, dict) or not value:
            self.found.wrong(path, Message("“traits” takes names and values, for example {industry: retail}"))
            return ()
        return [part for key, asked in value.items() for part in self.trait(key, asked, (*path, shown(key)))]

    def trait(self, key: object, value: object, path: Path) -> Iterable[Condition]:
        name = read_text(key, path, self.found)
        return () if name is None else _traits(f"traits.{name}", read_comparisons(name, value, path, self.found))

    def named(self, kind: type[ChecklistDone] | type[InSegment], value: object, path: Path) -> Condition | None:
        """A checklist or a segment by its key, or one of several."""
        self.found.count()
        if not isinstance(value, list):
            key = read_text(value, path, self.found)
            return None if key is None else kind(key)
        if not value:
            self.found.wrong(path, Message("this must be a list with at least one value"))
        self.found.count(len(value))
        keys = [read_text(key, (*path, index), self.found) for index, key in enumerate(value)]
        return Any(tuple(kind(key) for key in keys if key is not None))

    def count(self, key: str, value: object, modifiers: dict[str, object], parent: Path) -> Condition | None:
        self.found.count()
        before = len(self.found.problems)
        if key == "event":
            event, where = read_text(value, (*parent, key), self.found) or "", []
        else:
            event = SHORTHANDS[key]
            where = self.subject(key, value, (*parent, key))
        asked = dict(modifiers)
        where += self.where(asked.pop("where"), (*parent, "where")) if "where" in asked else []
        if "watched" in asked:
            where += self.watched(key, asked.pop("watched"), (*parent, "watched"))
        if len({(c.name, c.op) for c in where}) < len(where):
            self.found.wrong((*parent, "where"), Message("this compares what “%(key)s” already says", key=key))
        at_least = read_count(asked.get("at_least", 1), (*parent, "at_least"), self.found) or 1
        within = read_span(asked["within"], (*parent, "within"), self.found) if "within" in asked else None
        last = read_span(asked["last"], (*parent, "last"), self.found) if "last" in asked else None
        distinct = read_text(asked["distinct"], (*parent, "distinct"), self.found) if "distinct" in asked else None
        if "within" in asked and "last" in asked:
            self.found.wrong((*parent, "last"), Message("“within” and “last” exclude one another"))
        if len(self.found.problems) > before:
            return None
        return EventCount(event, at_least, within, last, tuple(where), distinct)

    def subject(self, key: str, value: object, path: Path) -> list[Comparison]:
        if isinstance(value, dict):
            self.found.wrong(path, Message("“%(key)s” takes a key, or a list of keys", key=key))
            return []
        return read_comparisons(key, value, path, self.found, names_only=True)

    def where(self, value: object, path: Path) -> list[Comparison]:
        if not isinstance(value, dict) or not value:
            self.found.wrong(path, Message("“where” takes properties and values, for example {format: pdf}"))
            return []
        comparisons: list[Comparison] = []
        for key, asked in value.items():
            place = (*path, shown(key))
            name = read_text(key, place, self.found)
            comparisons += read_comparisons(name, asked, place, self.found) if name is not None else []
        return comparisons

    def watched(self, key: str, value: object, path: Path) -> list[Comparison]:
        share = read_share(value, path, self.found)
        if key != "webinar":
            self.found.wrong(path, Message("“watched” goes with “webinar” only"))
        return [] if share is None else [Comparison(WATCHED, "gte", share)]


def _one(condition: Condition | None) -> Iterable[Condition]:
    return () if condition is None else (condition,)


def _traits(name: str, comparisons: list[Comparison]) -> list[Condition]:
    return [Trait(name, comparison.op, comparison.value) for comparison in comparisons]
