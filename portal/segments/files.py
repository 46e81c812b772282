"""`content/segments.yml`: a list of `{key, title, condition}`. Everything wrong with it is told at once, by line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from portal.conditions.dump import dump
from portal.conditions.model import Condition, checklists_of, events_of, plans_of, segments_of
from portal.conditions.parse import ConditionProblems, parse
from portal.conditions.segments import DEEPEST, circles, too_deep
from portal.conditions.values import shown, unknown
from portal.kit.files import FileProblems, Problem, YamlFile, load_yaml
from portal.kit.files import Path as Place
from portal.kit.i18n import LOCALES, Message

FILE: Final = "content/segments.yml"
FIELDS: Final = ("key", "title", "condition")
KEY: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
MOST: Final = 200
MAX_TITLE: Final = 100
MAX_BYTES: Final = 200_000
CIRCLE: Final = Message("this segment is inside itself, by way of the segments it names")
TOO_DEEP: Final = Message("segments may lie at most %(limit)s deep inside one another", limit=DEEPEST)


@dataclass(frozen=True)
class SegmentFile:
    """A segment as its file says it: titles by language, and a condition over accounts."""

    key: str
    title: Mapping[str, str]
    condition: Condition


@dataclass(frozen=True)
class SegmentsFile:
    """The whole file, and where each segment in it begins."""

    yaml: YamlFile
    segments: tuple[SegmentFile, ...]

    def problem(self, message: Message, key: str) -> Problem:
        """A `Problem` at the condition of the segment `key`."""
        place = next(index for index, one in enumerate(self.segments) if one.key == key)
        return self.yaml.problem(message, place, "condition")

    def unknown(self, known: Mapping[str, Iterable[str]]) -> list[Problem]:
        """What segments ask for that nobody has seen: `known` are the keys there are, by kind."""
        said = {
            "segment": Message("there is no segment “%(key)s”"),
            "checklist": Message("there is no checklist “%(key)s” in these files"),
            "plan": Message("no customer has had the plan “%(key)s” yet"),
            "event": Message("the event “%(key)s” was never received yet"),
        }
        return [
            self.problem(Message(said[kind].msgid, key=key), one.key)
            for one in self.segments
            for kind, keys in named(one.condition).items()
            for key in sorted(keys - set(known[kind]))
        ]


def named(condition: Condition) -> Mapping[str, frozenset[str]]:
    """What a condition counts on that may not exist, by kind; events of Banso's own are always there."""
    events = frozenset(name for name in events_of(condition) if name not in OWN_EVENTS)
    return {
        "segment": segments_of(condition),
        "checklist": checklists_of(condition),
        "plan": plans_of(condition),
        "event": events,
    }


OWN_EVENTS: Final = frozenset({"tutorial.completed", "webinar.watched", "article.read", "portal.signed_in"})


def read_segments(root: Path) -> tuple[SegmentsFile | None, list[Problem]]:
    """What `root/content/segments.yml` says; None where there is no such file."""
    path = root / FILE
    if not path.is_file():
        return None, []
    try:
        if not path.resolve().is_relative_to((root / "content").resolve()):
            said = Message("this is a link to a file outside content/, which is not read")
            raise FileProblems([Problem(FILE, 1, said)])
        data = path.read_bytes()
        if len(data) > MAX_BYTES:
            said = Message("this file is larger than %(most)s bytes", most=f"{MAX_BYTES:,}")
            raise FileProblems([Problem(FILE, 1, said)])
        return parse_segments(data.decode("utf-8-sig"), file=FILE), []
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        return None, [Problem(FILE, line, Message("this file is not UTF-8: save it as UTF-8"))]
    except FileProblems as error:
        return None, list(error.problems)


def parse_segments(text: str, *, file: str) -> SegmentsFile:
    """Read segments. Raises `FileProblems` with everything that is wrong."""
    read = load_yaml(text, file=file)
    problems: list[Problem] = []
    found: list[SegmentFile] = []
    entries = read.value if isinstance(read.value, list) else []
    if read.value is not None and (not isinstance(read.value, list) or len(entries) > MOST):
        said = Message("this is a list of at most %(most)s segments, each with key, title and condition", most=MOST)
        problems.append(read.problem(said))
    for place, said_of in enumerate(entries[:MOST]):
        one = _segment(read, said_of, place, problems)
        if any(one.key == other.key for other in found) and one.key:
            problems.append(read.problem(Message("“%(key)s” is given twice", key=one.key), place, "key"))
        found.append(one)
    whole = SegmentsFile(read, tuple(found))
    if not problems:
        known = {one.key: one.condition for one in found}
        turning = circles(known)
        problems += [whole.problem(CIRCLE, key) for key in sorted(turning)]
        if not turning:
            problems += [whole.problem(TOO_DEEP, key) for key in sorted(too_deep(known))]
    if problems:
        raise FileProblems(sorted(problems, key=lambda problem: problem.line))
    return whole


def segments_text(found: Sequence[tuple[str, Mapping[str, str], Mapping[str, Any]]]) -> str:
    """The file of segments, from their keys, titles and written conditions; empty for none."""
    listed = [{"key": key, "title": dict(title), "condition": dict(said)} for key, title, said in found]
    return yaml.safe_dump(listed, allow_unicode=True, sort_keys=False, width=1000) if listed else ""


def condition_text(condition: Mapping[str, Any]) -> str:
    """A condition as an editor shows it: what must all hold stands line by line, where that says the same."""
    plain = dict(condition)
    if set(plain) == {"all"}:
        together = {key: value for part in plain["all"] for key, value in part.items()}
        if _reads_as(together, plain):
            plain = together
    return yaml.safe_dump(plain, allow_unicode=True, sort_keys=False, width=1000)


def _reads_as(said: Mapping[str, Any], meant: Mapping[str, Any]) -> bool:
    try:
        return parse(dict(said), level="account") == parse(dict(meant), level="account")
    except ConditionProblems:
        return False


def read_condition(text: str) -> Condition:
    """The condition somebody wrote in a form. Raises `FileProblems`, whose lines are those of the text."""
    read = load_yaml(text, file="")
    try:
        return parse(read.value, level="account")
    except ConditionProblems as error:
        raise FileProblems([read.problem(message, *path) for path, message in error.problems]) from error


NO_SEGMENT: Final = SegmentFile("", {}, parse({"plan": {"exists": True}}, level="account"))
"""Stands where one could not be read, which is reported."""


def _segment(read: YamlFile, value: object, place: int, problems: list[Problem]) -> SegmentFile:
    def wrong(message: Message, *path: str | int) -> None:
        problems.append(read.problem(message, place, *path))

    if not isinstance(value, dict):
        wrong(Message("a segment is written as fields and values: key, title and condition"))
        return NO_SEGMENT
    for name in value:
        if name not in FIELDS:
            wrong(unknown(name, FIELDS), shown(name))
    for name in FIELDS:
        if name not in value:
            wrong(Message("“%(field)s” is missing", field=name))
    key = value.get("key")
    if "key" in value and not (isinstance(key, str) and KEY.fullmatch(key)):
        wrong(KEY_RULE, "key")
    title = _title(value["title"], wrong) if "title" in value else {}
    if "condition" not in value:
        return SegmentFile(str(key), title, NO_SEGMENT.condition)
    at: Place = (place, "condition")
    try:
        condition = parse(value["condition"], level="account", path=at)
    except ConditionProblems as error:
        problems += [read.problem(message, *path) for path, message in error.problems]
        condition = NO_SEGMENT.condition
    return SegmentFile(str(key), title, condition)


KEY_RULE: Final = Message("a key is 1 to 64 small letters, digits, “-” and “_”, and begins with a letter or a digit")


def _title(value: object, wrong: Any) -> Mapping[str, str]:
    titles = dict.fromkeys(LOCALES, value) if isinstance(value, str) else value
    if (
        not isinstance(titles, dict)
        or not titles
        or not set(titles) <= set(LOCALES)
        or not all(isinstance(text, str) and 0 < len(text.strip()) <= MAX_TITLE for text in titles.values())
    ):
        wrong(Message("a title is written as {ja: …, en: …}"), "title")
        return {}
    return {locale: text.strip() for locale, text in titles.items()}


def condition_of(said: Mapping[str, Any]) -> Condition:
    """The condition as it was stored."""
    return parse(dict(said), level="account")


def written(condition: Condition) -> dict[str, Any]:
    """The condition as it is stored."""
    return dict(dump(condition))
