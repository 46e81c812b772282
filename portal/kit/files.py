"""Files people write: YAML that remembers its lines, and problems that name them.

Everything `banso publish` finds wrong is a `Problem`, printed as `file:line: what is wrong`, all of them at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import yaml

from portal.kit.i18n import Locale, Message

Path = tuple[str | int, ...]

MAX_DEPTH = 40


@dataclass(frozen=True)
class Problem:
    """One thing wrong in one file; `line` counts from 1."""

    file: str
    line: int
    message: Message

    def into(self, locale: Locale) -> str:
        """The line for the command line: `file:line: what is wrong`."""
        return f"{self.file}:{self.line}: {self.message.into(locale)}"


class FileProblems(Exception):
    """All that is wrong with what was to be published."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(problem.into("en") for problem in self.problems))


@dataclass(frozen=True)
class YamlFile:
    """A YAML document as plain values, with the line of every path in it, and as it is written."""

    file: str
    value: object
    lines: dict[Path, int]
    text: str = ""

    def line(self, *path: str | int) -> int:
        """The line of `path`, or of its nearest known parent."""
        for length in range(len(path), -1, -1):
            found = self.lines.get(tuple(path[:length]))
            if found is not None:
                return found
        return 1

    def problem(self, message: Message, *path: str | int) -> Problem:
        """A `Problem` at `path`."""
        return Problem(self.file, self.line(*path), message)


def load_yaml(text: str, *, file: str, first_line: int = 1) -> YamlFile:
    """Read one YAML document; `first_line` is where `text` begins in `file` (front matter begins at 2).

    A day that is in no calendar stays text, so that the field it was meant for can say so. Raises `FileProblems` for
    what is not YAML, for a key given twice, for tags, and for what lets a small file cost much: aliases, deep nesting.
    """
    try:
        return _load(text, file, first_line, _Quick)
    except (yaml.YAMLError, UnicodeEncodeError):
        # libyaml counts the lines of its complaints otherwise: Python says where it is.
        try:
            return _load(text, file, first_line, _Loader)
        except yaml.YAMLError as error:
            raise FileProblems([_not_yaml(error, text, file, first_line)]) from error


def _load(text: str, file: str, offset: int, kind: type[Any]) -> YamlFile:
    problems = _forbidden(text, file, offset, kind) if _may_be_forbidden(text) else []
    if problems:
        raise FileProblems(problems)
    loader = kind(text)
    try:
        node = loader.get_single_node()
        lines: dict[Path, int] = {}
        if node is not None:
            _walk(node, (), lines, problems, file, offset)
        if problems:
            raise FileProblems(problems)
        value = loader.construct_document(node) if node is not None else None
    finally:
        loader.dispose()
    return YamlFile(file, value, lines, text)


class _Lenient(yaml.constructor.SafeConstructor):
    """Makes a value of a node, with a line for every value it cannot make."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> object:
        try:
            return super().construct_object(node, deep=deep)
        except ValueError as error:
            if node.tag == "tag:yaml.org,2002:timestamp":
                return node.value
            raise yaml.constructor.ConstructorError(None, None, str(error), node.start_mark) from error


class _Loader(_Lenient, yaml.SafeLoader):
    """PyYAML's safe loader."""


class _Quick(_Lenient, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # not every system has it
    """The same by libyaml, which is six times as fast."""


_OPENING = (
    *(yaml.BlockMappingStartToken, yaml.BlockSequenceStartToken),
    *(yaml.FlowMappingStartToken, yaml.FlowSequenceStartToken),
)
_CLOSING = (yaml.BlockEndToken, yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken)


def _may_be_forbidden(text: str) -> bool:
    """Whether it is worth a look: an alias or a tag needs its sign, and each level of nesting one that opens it."""
    return "*" in text or "!" in text or sum(map(text.count, "[{:-?")) > MAX_DEPTH


def _forbidden(text: str, file: str, offset: int, kind: type[Any]) -> list[Problem]:
    depth = 0
    for token in yaml.scan(text, Loader=kind):
        line = token.start_mark.line + offset
        if isinstance(token, yaml.AliasToken):
            return [Problem(file, line, Message("YAML aliases (*name) are not allowed"))]
        if isinstance(token, yaml.TagToken):
            return [Problem(file, line, Message("YAML tags (!name) are not allowed"))]
        depth += isinstance(token, _OPENING) - isinstance(token, _CLOSING)
        if depth > MAX_DEPTH:
            return [Problem(file, line, Message("this is nested more than %(most)s levels deep", most=MAX_DEPTH))]
    return []


def _not_yaml(error: yaml.YAMLError, text: str, file: str, offset: int) -> Problem:
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + offset
        return Problem(file, line, Message("this file holds a character that YAML does not allow"))
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    detail = getattr(error, "problem", None) or " ".join(str(error).split())
    line = (mark.line if mark else 0) + offset
    return Problem(file, line, Message("this is not valid YAML: %(detail)s", detail=detail))


def _walk(node: yaml.Node, path: Path, lines: dict[Path, int], problems: list[Problem], file: str, offset: int) -> None:
    lines[path] = node.start_mark.line + offset
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key_node, value_node in node.value:
            key = str(key_node.value)
            if key in seen:
                line = key_node.start_mark.line + offset
                problems.append(Problem(file, line, Message("“%(key)s” is given twice", key=key)))
            seen.add(key)
            _walk(value_node, (*path, key), lines, problems, file, offset)
            lines[(*path, key)] = key_node.start_mark.line + offset
    elif isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            _walk(child, (*path, index), lines, problems, file, offset)
